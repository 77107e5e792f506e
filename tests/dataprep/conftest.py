"""One Spark session for the dataprep tests, and a small byte-level tokenizer made on the spot."""

from __future__ import annotations

import io
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from dataprep.engine.spark_session import session
from dataprep.storage import files
from dataprep.tokens.tokenizer import TokenizerSpec, load
from tests.dataprep.hadoop import Hadoop, running

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Two cores, no user interface."""
    running = session("tests", {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2"})
    yield running
    running.stop()


def byte_level_tokenizer() -> dict[str, object]:
    """A byte-level BPE with a few merges, GPT-NeoX's special tokens and one non-special added token."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = [byte for byte in range(256) if byte not in printable]
    alphabet = [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(extra))]
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("a", "n"), ("an", "d"), ("Ġ", "and")]
    tokens = ["<|endoftext|>", "<|padding|>", *alphabet, *("".join(pair) for pair in merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": index, "content": tokens[index], **special} for index in (0, 1)]
    added.append({"id": len(tokens), "content": "    ", **special, "special": False, "normalized": True})
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [list(pair) for pair in merges]}
    defaults = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {**model, **defaults, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False},
    }


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small `tokenizer.json`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_text(json.dumps(byte_level_tokenizer()))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_dir: Path) -> TokenizerSpec:
    """The small tokenizer, loaded."""
    return load(str(tokenizer_dir))


@pytest.fixture(scope="session")
def real_tokenizer_dir() -> Path:
    """The directory of the real GPT-NeoX tokenizer, where the environment names it."""
    folder = os.environ.get("SWITCHPOINT_TOKENIZER")
    if not folder:
        pytest.skip("SWITCHPOINT_TOKENIZER names no tokenizer directory")
    return Path(folder)


@pytest.fixture(scope="session")
def real_tokenizer(real_tokenizer_dir: Path) -> TokenizerSpec:
    """The real tokenizer, loaded."""
    return load(str(real_tokenizer_dir))


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """`picture(seed, kind="JPEG", size=(64, 48))`: encoded bytes of a smooth picture, equal for equal arguments."""

    def encode(seed: int, kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
        small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image, out = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC), io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    return encode


@pytest.fixture
def bucket(s3_bucket: str) -> Iterator[str]:
    """URI of an empty bucket on an S3 server of the test's own."""
    files._filesystem.cache_clear()
    yield f"s3://{s3_bucket}"
    files._filesystem.cache_clear()


@pytest.fixture
def hdfs(hadoop: Hadoop) -> str:
    """URI of a folder on HDFS that is not there yet."""
    return f"{hadoop.uri}/{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def hadoop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hadoop]:
    """HDFS servers of the module's own; skips where there are no jars."""
    with running(tmp_path_factory.mktemp("hadoop")) as servers:
        files._filesystem.cache_clear()
        yield servers
        files._filesystem.cache_clear()
