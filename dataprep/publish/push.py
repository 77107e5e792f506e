"""Uploads a finished dataset to the hub: shards first, and last the files that make them a dataset.

The hub takes a commit at a time, and a large dataset is many commits. So `manifest.json`, `index.json` and the card are
in the last one, and a manifest that is there already leaves with the first: a repository without a manifest, like a
folder without one, is no dataset yet. Pushed again after an interruption or a takedown, only what differs is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from common import hub_upload
from common.errors import InputError
from dataprep.engine.paths import INDEX_NAME
from dataprep.publish.dataset_card import dataset_card
from schemas.manifest import MANIFEST_NAME, Manifest

FILES_PER_COMMIT = 100
"""The hub advises 50 to 100 files a commit (huggingface.co/docs/hub/storage-limits)."""
CARD_NAME = "README.md"
FIELD = "OWNER/NAME"
_LAST = [INDEX_NAME, MANIFEST_NAME]
_THEIRS = {".gitattributes", CARD_NAME}
"""Files that the hub makes."""
_OURS = ".switchpoint"
"""Folder of a dataset that a job needs, and nobody else."""


def push(
    folder: Path, manifest: Manifest, name: str, *, private: bool, replace: bool, tell: Callable[[str], None] = print
) -> str | None:
    """Upload the dataset in `folder` to the dataset repository `name`.

    Args:
        private: a new repository is a private one.
        replace: what else lies in the repository goes; without, it is a reason to refuse.
        tell: takes a line of progress.

    Returns:
        Address of the last commit; None where the repository holds the dataset already.

    Raises:
        InputError: the hub refuses or cannot be reached, or the repository holds other files.
    """
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if not path.startswith(f"{_OURS}/")]
    hub_upload.open_repository(name, private=private, kind="dataset", field=FIELD)
    there = hub_upload.blobs(name, "dataset", FIELD)
    others = sorted(set(there) - set(files) - _THEIRS)
    if others and not replace:
        problem = f"{name} holds {len(others):,} other files ({', '.join(others[:3])})"
        raise InputError(problem, field=FIELD, remedy="name another repository, or give --replace to drop them there")
    written = hub_upload.git_digest((folder / MANIFEST_NAME).read_bytes())
    if there.get(MANIFEST_NAME) == written and set(files) <= set(there) and not others:
        return None
    leaving = [MANIFEST_NAME] if MANIFEST_NAME in there else []
    rest = [path for path in files if path not in _LAST]
    for first in range(0, len(rest), FILES_PER_COMMIT):
        batch = rest[first : first + FILES_PER_COMMIT]
        message = f"Files {first + 1:,} to {first + len(batch):,} of {len(files):,}"
        adding = [(path, folder / path) for path in batch]
        hub_upload.commit(name, "dataset", message, field=FIELD, add=adding, drop=leaving)
        leaving = []
        tell(f"{name}: {first + len(batch):,} of {len(files):,} files")
    last: list[tuple[str, Path | bytes]] = [(path, folder / path) for path in _LAST]
    last.append((CARD_NAME, dataset_card(manifest, name).encode()))
    message = f"{manifest.samples:,} samples of {manifest.kind}, content {manifest.content[:12]}"
    return hub_upload.commit(name, "dataset", message, field=FIELD, add=last, drop=others)
