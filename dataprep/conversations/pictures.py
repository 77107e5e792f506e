"""Judges the pictures that rows name below an image root, and gives their bytes again when a window is written."""

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
    """An image below the job's `image_root`."""

    path: str
    size: int
    """Encoded bytes."""
    digest: int
    """`held_out.digest` of them; 0 where the job holds nothing out."""


class _Refused(NamedTuple):
    """Why a picture may not go in. An exception in its place would hold the picture, by its traceback."""

    reason: str
    detail: str


class Pictures:
    """The pictures of one task. Each is read and judged once, however many rows name it.

    A picture is read again for its window, since a task's pictures would not fit into memory. Where every read is a
    request to a server, accepted pictures lie on the local disk in between.
    """

    def __init__(self, job: ConversationsJob, spool: Path | None = None) -> None:
        """Takes the settings, and a local file for pictures of a remote root; without one they are read twice."""
        self._job = job
        self._verdicts: dict[str, Picture | _Refused] = {}
        self._places: dict[str, int] = {}
        """Offsets in the spool."""
        self._spool = None if spool is None or files.is_local(job.image_root) else spool
        self._end = 0

    def judge(self, image: str) -> Picture:
        """The picture at the path `image`. Raises RejectError where it may not go in."""
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
        place = self._places.get(picture.path)
        if self._spool is None or place is None:
            return files.read_bytes(files.join(self._job.image_root, picture.path))
        with self._spool.open("rb") as stream:
            stream.seek(place)
            return stream.read(picture.size)

    def _judge(self, image: str) -> Picture:
        limits = self._job.images
        found = files.read_whole(files.join(self._job.image_root, image_path(image)), limits.max_bytes)
        if found is None:
            raise RejectError("missing_image", image)
        size, data = found
        if size > limits.max_bytes:
            raise RejectError("image_too_large", f"{image}: {size:,} bytes")
        try:
            inspect(data, limits, decode=self._job.decode)
        except RejectError as refused:
            raise RejectError(refused.reason, f"{image}: {refused.detail}") from None
        self._keep(image, data)
        return Picture(image, size, held_out.digest(data) if self._job.held_out else 0)

    def _keep(self, image: str, data: bytes) -> None:
        if self._spool is None or self._job.text_only:
            return
        with self._spool.open("ab") as stream:
            stream.write(data)
        self._places[image] = self._end
        self._end += len(data)
