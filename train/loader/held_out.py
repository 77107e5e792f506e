"""Reads held-out rows and computes their losses, the same in training and in `evaluate`.

Rows are read as training reads them (the loader's table of shards, verified against the manifest, compressed or not),
in the dataset's order from its first on, so that the figure of a point of one run is that of another's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.errors import InputError
from schemas.conversation_format import ConversationFormat
from schemas.manifest import ImageGeometry, Manifest, TokenizerIdentity
from schemas.phases import Source
from train.loader.cache.download import Patience
from train.loader.rows.batch import Batch, idle
from train.loader.rows.collate import collate
from train.loader.rows.decode import DamagedRowError, Row, decode_row
from train.loader.sources.make_table import make_table, receipts_of
from train.loader.sources.shard_table import Shard
from train.loader.sources.source_stream import SourceStream

_REMEDY = "prepare held-out data as the training data was"


class HeldOut:
    """The first `limit` rows (None: all) of the dataset at `path`, dealt to ranks in turn.

    Args:
        conversation: the format that conversations must have; None: any.
        seq_len: what its rows must have; None: whatever they have.

    Raises:
        InputError: no dataset, or one of another tokenizer, length, image geometry or conversation format.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: TokenizerIdentity,
        geometry: ImageGeometry | None,
        *,
        conversation: ConversationFormat | None = None,
        seq_len: int | None = None,
        limit: int | None = None,
    ) -> None:
        manifest = Manifest.load(path)
        written = manifest.conversation_format
        for what, here, wanted in (
            ("tokenizer", manifest.tokenizer, tokenizer),
            ("seq_len", manifest.seq_len, seq_len or manifest.seq_len),
            ("geometry", manifest.geometry or geometry, geometry),
            ("conversation format", written or conversation, conversation or written),
        ):
            if here != wanted:
                which = f" ({here}; the model's: {wanted})" if isinstance(here, ConversationFormat) else ""
                raise InputError(f"{what} of the held-out data is not the model's{which}", file=path, remedy=_REMEDY)
        self.path, self.seq_len = path, manifest.seq_len
        self.rows = min(limit or manifest.samples, manifest.samples)
        self._tokenizer, self._geometry = tokenizer, geometry
        self._ends = np.cumsum([receipt.samples for receipt in manifest.shards])
        self._scratch = tempfile.TemporaryDirectory(prefix="held-out-", ignore_cleanup_errors=True)
        self._stream = _stream(path, manifest, Path(self._scratch.name))
        self._open: Shard | None = None

    def batches(self, size: int, rank: int = 0, ranks: int = 1) -> Iterator[Batch]:
        """This rank's rows, `size` at a time; equally many batches on every rank, idle ones (no loss) at the end."""
        mine = range(rank, self.rows, ranks)
        most = -(-self.rows // ranks)
        for start in range(0, most, size):
            part = [self.row(number) for number in mine[start : start + size]]
            yield collate(part) if part else idle(collate([self.row(0)]))

    def row(self, number: int) -> Row:
        """One row.

        Raises:
            InputError: it is damaged, or its shard is.
        """
        index = int(np.searchsorted(self._ends, number, side="right"))
        shard = self._shard(index)
        try:
            raw = shard[number - int(self._ends[index]) + shard.samples]
            return decode_row(raw, 0, self.seq_len, self._tokenizer, self._geometry)
        except DamagedRowError as damage:
            raise InputError(f"row {number:,} holds {damage}", file=self.path, remedy="write it again") from None

    def _shard(self, index: int) -> Shard:
        """The readable shard; of those that have to be unpacked, one at a time lies on the disk."""
        if self._open is None or self._open.number != index:
            if self._open is not None and not self._stream.in_place:
                (Path(self._scratch.name) / self._open.raw_data.basename).unlink(missing_ok=True)
            self._open = None
            shard = self._stream.shard(index)
            self._stream.prepare_shard(shard)
            self._open = shard
        return self._open


def _stream(path: Path, manifest: Manifest, scratch: Path) -> SourceStream:
    """The loader's view of the dataset."""
    source = Source(
        name=path.name,
        path=str(path),
        content=manifest.content,
        kind=manifest.kind,
        samples=manifest.samples,
        shards=[(receipt.samples, 1) for receipt in manifest.shards],
        tokens=manifest.tokens,
    )
    try:
        index = (path / "index.json").read_bytes()
    except OSError as error:
        remedy = "run the dataprep job that writes the dataset again"
        raise InputError(f"cannot read index.json ({error.strerror})", file=path, remedy=remedy) from None
    table = make_table(index, receipts_of(manifest), source, str(path))
    return SourceStream(source.name, str(path), table, scratch, Patience(0.0), lambda: table)
