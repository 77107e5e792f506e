from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import zstandard
from pyspark.sql import SparkSession
from streaming import StreamingDataset
from streaming.base.util import clean_stale_shared_memory

from common.errors import InputError
from dataprep.engine.paths import STAGING
from dataprep.text.config import TextJob
from dataprep.text.job import run
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.manifest import Manifest
from tests.helpers.folders import tree

SEQ_LEN = 32


def text_of(file: int, line: int) -> str:
    return f"<|endoftext|>document {line} of file {file}: " + "and the thing " * (line % 7)


def write_inputs(folder: Path, files: int = 3, lines: int = 40) -> list[str]:
    """Files of documents; file 1 also has two bad rows. Returns the good texts in plan order."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = []
    for file in range(files):
        rows = []
        for line in range(lines):
            texts.append(text_of(file, line))
            rows.append(json.dumps({"text": texts[-1], "url": f"http://h/{file}/{line}"}).encode())
        if file == 1:
            rows[5:5] = [b"{bad", b'{"text": 1}']
        data = b"\n".join(rows) + b"\n"
        (folder / f"{file}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))
    return texts


def make(tmp_path: Path, tokenizer_dir: Path, **changes: Any) -> TextJob:
    settings = {
        "inputs": [str(tmp_path / "in" / "*.zst")],
        "out": str(tmp_path / "out"),
        "tokenizer": str(tokenizer_dir),
        "seq_len": SEQ_LEN,
        "shard_bytes": 50 * SEQ_LEN * 2,
    }
    return TextJob.model_validate(settings | changes)


def tokens_of(folder: Path) -> np.ndarray:
    clean_stale_shared_memory()
    dataset = StreamingDataset(local=str(folder), shuffle=False, batch_size=1, validate_hash="xxh64")
    return np.stack([dataset[i]["tokens"] for i in range(len(dataset))])


def stream_of(texts: list[str], spec: TokenizerSpec) -> list[int]:
    coder = encoder(spec)
    return [i for text in texts for i in (*coder.encode_reference([text])[0].tolist(), spec.identity.end_of_text_id)]


def test_unshuffled_windows_are_the_documents_each_ended(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path, tokenizer: TokenizerSpec
) -> None:
    texts = write_inputs(tmp_path / "in")
    manifest = run(spark, make(tmp_path, tokenizer_dir, shuffle=False, compression="zstd"))
    expected = stream_of(texts, tokenizer)
    ids = tokens_of(tmp_path / "out")
    assert ids.shape[1] == SEQ_LEN
    assert ids.dtype == np.uint16
    flat = ids.reshape(-1).tolist()
    assert flat[: len(expected)] == expected
    assert flat[len(expected) :] == [tokenizer.identity.pad_id] * manifest.tokens.pad
    assert manifest.tokens.text == len(expected)
    assert manifest.tokens.pad < SEQ_LEN
    assert manifest.rows.rejected == {"invalid_json": 1, "text_not_a_string": 1}
    assert manifest.warnings == []
    rejects = [json.loads(line) for line in (tmp_path / "out/rejects/000001.jsonl").read_text().splitlines()]
    assert [(one["line"], one["reason"]) for one in rejects] == [(6, "invalid_json"), (7, "text_not_a_string")]
    assert rejects[0]["file"] == str(tmp_path / "in/1.jsonl.zst")


def test_shuffled_windows_are_the_same_windows_in_another_order(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    write_inputs(tmp_path / "in")
    datasets = {}
    for name, changes in {"kept": {"shuffle": False}, "a": {}, "b": {"seed": 1}, "again": {}}.items():
        run(spark, make(tmp_path, tokenizer_dir, out=str(tmp_path / name), **changes))
        datasets[name] = tokens_of(tmp_path / name).tolist()
    assert sorted(datasets["a"]) == sorted(datasets["b"]) == sorted(datasets["kept"])
    assert len({str(datasets[name]) for name in ("kept", "a", "b")}) == 3
    assert tree(tmp_path / "a") == tree(tmp_path / "again")


def test_held_out_documents_are_a_dataset_of_their_own(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path, tokenizer: TokenizerSpec
) -> None:
    texts = write_inputs(tmp_path / "in")
    whole = run(spark, make(tmp_path, tokenizer_dir, held_out=0.25, shuffle=False))
    held = Manifest.load(tmp_path / "out/held_out")
    assert whole.rows.written + held.rows.written == len(texts)
    assert whole.rows.rejected["held_out"] == held.rows.written > 5
    assert whole.tokens.text + held.tokens.text == len(stream_of(texts, tokenizer))
    assert tokens_of(tmp_path / "out/held_out").shape == (held.samples, SEQ_LEN)
    part = pq.read_table(tmp_path / "out/provenance/held_out.000001.parquet").to_pylist()
    lines = [one["line"] - (3 if one["line"] > 5 else 1) for one in part]
    assert [one["url"] for one in part] == [f"http://h/1/{line}" for line in lines]
    assert [one["tokens"] for one in part] == [len(stream_of([text_of(1, n)], tokenizer)) for n in lines]


def test_a_finished_dataset_is_left_alone_and_other_plans_are_refused(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    write_inputs(tmp_path / "in")
    manifest = run(spark, make(tmp_path, tokenizer_dir))
    before = tree(tmp_path / "out")
    assert [name for name in before if name.startswith(STAGING)] == [f"{STAGING}/plan.json"]
    assert run(spark, make(tmp_path, tokenizer_dir)) == manifest
    assert tree(tmp_path / "out") == before
    with pytest.raises(
        InputError, match=r"different plan: config\.seq_len: 32 -> 16 \| seed: 0 -> 4; use another `out`"
    ):
        run(spark, make(tmp_path, tokenizer_dir, seq_len=16, seed=4))
    with (tmp_path / "in/0.jsonl.zst").open("ab") as stream:
        stream.write(zstandard.ZstdCompressor().compress(b'{"text": "more"}'))
    with pytest.raises(InputError, match=r"input .*0\.jsonl\.zst: content changed"):
        run(spark, make(tmp_path, tokenizer_dir))
    assert tree(tmp_path / "out") == before


def test_a_damaged_input_stops_the_job_in_one_line(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    write_inputs(tmp_path / "in")
    path = tmp_path / "in/2.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"2\.jsonl\.zst:\d+: unreadable: cannot be read beyond this line"):
        run(spark, make(tmp_path, tokenizer_dir))
    assert not (tmp_path / "out/manifest.json").exists()
    assert not (tmp_path / "out/index.json").exists()
    manifest = run(spark, make(tmp_path, tokenizer_dir, out=str(tmp_path / "kept"), unreadable="reject"))
    assert manifest.rows.rejected["unreadable"] == 1


def test_a_folder_gives_its_data_and_an_unknown_file_is_named_before_any_work(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    write_inputs(tmp_path / "in", files=1)
    for name in ("_SUCCESS", ".0.jsonl.zst.crc"):
        (tmp_path / "in" / name).write_bytes(b"crc\0")
    (tmp_path / "in" / "README.md").write_text("# Documents\n")
    job = make(tmp_path, tokenizer_dir, inputs=[str(tmp_path / "in")])
    with pytest.raises(
        InputError, match=r"in/README\.md: no kind of file that is read .*; .*leave it out of the inputs"
    ):
        run(spark, job)
    assert not (tmp_path / "out").exists()
    (tmp_path / "in" / "README.md").unlink()
    rows = run(spark, job).rows
    assert (rows.read, rows.written) == (40, 40)


def test_nothing_to_write_is_an_error(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(b"1\n"))
    with pytest.raises(InputError, match=r"nothing was written: documents rejected: not_an_object 1"):
        run(spark, make(tmp_path, tokenizer_dir))
    with pytest.raises(InputError, match="no file matches"):
        run(spark, make(tmp_path, tokenizer_dir, inputs=[str(tmp_path / "in/*.jsonl")]))


def test_somebody_elses_directory_is_not_touched(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    write_inputs(tmp_path / "in")
    with pytest.raises(InputError, match="the directory is not empty and holds no plan"):
        run(spark, make(tmp_path, tokenizer_dir, out=str(tmp_path / "in")))
