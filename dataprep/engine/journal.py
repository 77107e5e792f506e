"""Changes several files of a finished dataset as one: a kill at any moment leaves the old state or the new one.

A redo log. New contents are staged under `.switchpoint/redo/`; then a journal that names them appears, atomically: once
the journal exists the change is committed, and the next process applies it. Each file then moves to its place (a
rename, or one PUT on a store), and the journal goes last. Before the journal, the next attempt throws the staging away;
after it, moving may be repeated, since a file that has moved is known by its digest.

File by file, readers see the old content or the new one, never half of one.
"""

from __future__ import annotations

import xxhash

from common.errors import InputError
from dataprep.engine.paths import STAGING
from dataprep.storage import files, fingerprint
from schemas.manifest import JOURNAL_NAME

JOURNAL = JOURNAL_NAME
FOLDER = f"{STAGING}/redo"


class Change:
    """New contents for files of the dataset `out`, to be committed together."""

    def __init__(self, out: str) -> None:
        self._out = out
        self.digests: dict[str, str] = {}
        """Of what was put, by name."""

    def put(self, name: str, data: bytes) -> None:
        """Stage `data` for `OUT/name`; files reach their places in the order of these calls."""
        files.publish_bytes(data, files.join(self._out, FOLDER, name))
        self.digests[name] = xxhash.xxh3_64_hexdigest(data)

    def commit(self) -> None:
        """Make the change happen.

        Raises:
            InputError: what was staged is gone; the dataset is as it was.
        """
        for name in self.digests:
            if not files.exists(files.join(self._out, FOLDER, name)):
                raise InputError(
                    "another process removed what was staged here; nothing was changed",
                    file=files.join(self._out, FOLDER, name),
                    remedy="run the same command again",
                )
        journal = {"files": [[name, digest] for name, digest in self.digests.items()]}
        staging = files.join(self._out, FOLDER)
        files.publish_bytes(files.to_json(journal), files.join(self._out, JOURNAL), temporary=staging)
        finish(self._out)


def pending(out: str) -> bool:
    """Whether a committed change waits to be finished."""
    return files.exists(files.join(out, JOURNAL))


def finish(out: str) -> bool:
    """Finish a committed change, or clear away an uncommitted one; True where there was one to finish.

    Raises:
        InputError: a file is neither staged nor in place: something else has changed the dataset.
    """
    if not pending(out):
        files.remove_tree(files.join(out, FOLDER))
        return False
    for name, digest in files.read_json(files.join(out, JOURNAL))["files"]:
        staged, place = files.join(out, FOLDER, name), files.join(out, name)
        if not files.exists(staged):
            if not files.exists(place) or fingerprint.digest(place) != digest:
                raise InputError("lost while a change was under way", file=place, remedy="make the dataset again")
        elif files.is_local(out):
            files.publish_file(staged, place)
        else:
            files.publish_bytes(files.read_bytes(staged), place, temporary=files.join(out, FOLDER))
    files.remove_tree(files.join(out, FOLDER))
    files.remove(files.join(out, JOURNAL))
    return True
