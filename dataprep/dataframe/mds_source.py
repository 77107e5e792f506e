"""Makes `df.write.format("mds")` write a dataset that Streaming, `verify`, curricula and the trainer read.

    spark.dataSource.register(MdsDataSource)
    (df.select("id", "text").orderBy("id").write.format("mds").mode("append")
        .option("key", "id").option("tokenizer", "gpt-neox").option("seq_len", 2048).save("s3://bucket/mine"))

Every row is a document: text, or its ids. A document is followed by the end of text, documents by one another in the
order of their keys, and windows of `seq_len` ids are cut from that; each partition's last window is padded. Rows that
are no document (no or empty text, ids that the tokenizer does not have) are counted by reason and listed in `rejects/`.

What is promised: every row of the DataFrame is in the dataset once or among its rejects, whichever tasks fail, are
killed, repeated or speculated, or the dataset is not there. Keys ascend strictly over the whole dataset, so a row that
came twice is an error. `manifest.json` is written last, from the receipts of the attempts that Spark has counted, never
from a list of files. `append` makes a dataset where there is none and refuses one that is there: samples are numbered,
and schedules name them. `overwrite` replaces one: it is whole until the new one is, and missing for the moment in which
index and manifest are exchanged. `error` and `ignore` are refused by Spark, for any source in Python.

What is not promised, and a job does: a driver that is killed leaves nothing to go on from. The order of rows is that of
the keys, but shards and their padding follow the partitions, which Spark cuts by a sample: equal bytes need equal
partitions. An attempt that outlives the write, and everything of a driver that was killed, may stay as files of other
names (`shard.*`, `.switchpoint/mds-*`), which nobody reads; `overwrite` removes those that it finds. Two writes to one
path at once are not kept apart: one of them is the dataset, or none is. Nothing leads from a sample back to a row:
`why` finds a document by its place in the one stream of ids that a job makes of files which can be read again, and here
every partition has a stream and padding of its own, cut where Spark liked, of rows that are nowhere once they are
written. Keep the keys.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from dataprep.dataframe import finish, partition
from dataprep.dataframe.options import MdsOptions, Target


class MdsDataSource(DataSource):
    """The source `mds`; it writes and does not read: Streaming does that."""

    @classmethod
    def name(cls) -> str:
        """Gives the name for `format(...)`."""
        return "mds"

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
        """Checks options and columns before any task starts. Raises InputError."""
        target = Target.of(MdsOptions.parse(self.options), schema, uuid.uuid4().hex[:12])
        finish.claim(target, overwrite=overwrite)
        return MdsWriter(target, overwrite)


class MdsWriter(DataSourceArrowWriter):
    """Writes partitions on the executors, and the manifest on the driver."""

    def __init__(self, target: Target, overwrite: bool) -> None:
        self.target, self.overwrite = target, overwrite

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Writes the rows of one attempt."""
        context = TaskContext.get()
        assert context is not None
        return partition.write(iterator, self.target, context.partitionId(), uuid.uuid4().hex[:8])

    def commit(self, messages: Sequence[Any]) -> None:  # type: ignore[override]
        """Makes the dataset of what the counted attempts have written."""
        finish.commit(self.target, messages, overwrite=self.overwrite)

    def abort(self, messages: Sequence[Any]) -> None:  # type: ignore[override]
        """Removes what the attempts have written."""
        finish.abort(self.target)
