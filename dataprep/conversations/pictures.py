"""Judges the pictures that rows name or hold, and gives their bytes again when a window is written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.template import image_path
from dataprep.engine.rejects import RejectError
from dataprep.image_text import held_out
from dataprep.images.inspect import inspect
from dataprep.storage import files


class Picture(NamedTuple):
    """An image below the job's `image_root`, or inside an input."""

    path: str
    size: int
    """Encoded bytes."""
    digest: int
    """`held_out.digest` of them; 0 where the job holds nothing out."""
    place: int | None = None
    """Offset in the spool of one that an input holds."""


class _Refused(NamedTuple):
    """Why a picture may not go in. An exception in its place would hold the picture, by its traceback."""

    reason: str
    detail: str


class Pictures:
    """The pictures of one task. Each is read and judged once, however many rows name it.

    A picture is read again for its window, since a task's pictures would not fit into memory. Where every read is a
    request to a server, and where an input holds it, accepted pictures lie on the local disk in between.
    """

    def __init__(self, job: ConversationsJob, spool: Path | None = None) -> None:
        """Takes the settings, and a local file for pictures that are not local; without one those of a remote root are
        read twice, and those inside an input cannot be read again.
        """
        self._job, self._spool = job, spool
        self._verdicts: dict[str, Picture | _Refused] = {}
        self._places: dict[str, int] = {}
        """Offsets in the spool."""
        self._is_remote = job.image_root is not None and not files.is_local(job.image_root)
        self._end = 0

    def judge(self, image: str, inside: bytes | None = None) -> Picture:
        """The picture at the path `image`, or the one `inside` an input. Raises RejectError where it may not go in."""
        if inside is not None:  # its name need not be its own
            found = self._inspected(image, len(inside), inside)
            return found._replace(place=self._keep(inside))
        if image not in self._verdicts:
            try:
                self._verdicts[image] = self._judge(image)
            except RejectError as rejected:
                self._verdicts[image] = _Refused(rejected.reason, rejected.detail)
        verdict = self._verdicts[image]
        if isinstance(verdict, _Refused):
            raise RejectError(*verdict)
        return verdict

    def read(self, picture: Picture) -> bytes:
        """Encoded bytes of a picture that was judged."""
        place = self._places.get(picture.path) if picture.place is None else picture.place
        if place is None:
            return files.read_bytes(files.join(str(self._job.image_root), picture.path))
        assert self._spool is not None
        with self._spool.open("rb") as stream:
            stream.seek(place)
            return stream.read(picture.size)

    def _judge(self, image: str) -> Picture:
        size, data = fetched(image, self._job)
        found = self._inspected(image, size, data)
        if self._is_remote and (place := self._keep(data)) is not None:
            self._places[image] = place
        return found

    def _inspected(self, image: str, size: int, data: bytes) -> Picture:
        limits = self._job.images
        if size > limits.max_bytes:
            raise RejectError("image_too_large", f"{image}: {size:,} bytes")
        try:
            inspect(data, limits, decode=self._job.decode)
        except RejectError as refused:
            raise RejectError(refused.reason, f"{image}: {refused.detail}") from None
        return Picture(image, size, held_out.digest(data) if self._job.held_out else 0)

    def _keep(self, data: bytes) -> int | None:
        """Where the spool holds `data` from now on; None where there is none, or nobody will ask."""
        if self._spool is None or self._job.text_only:
            return None
        with self._spool.open("ab") as stream:
            stream.write(data)
        place, self._end = self._end, self._end + len(data)
        return place


def fetched(image: str, job: ConversationsJob) -> tuple[int, bytes]:
    """Size of the picture at the path `image`, and its bytes if it is not too large.

    Raises:
        RejectError: it is not there.
    """
    path = image_path(image)
    if job.image_root is None:
        raise RejectError("missing_image", f"{image}: the job has no `image_root`")
    found = files.read_whole(files.join(job.image_root, path), job.images.max_bytes)
    if found is None:
        raise RejectError("missing_image", image)
    return found
