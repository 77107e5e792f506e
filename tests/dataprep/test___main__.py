"""The commands on a dataset that the text job made: what they print is what went in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.__main__ import main
from dataprep.engine.paths import TEMPORARY
from dataprep.mds import read
from dataprep.provenance.why import why
from dataprep.text.config import TextJob
from dataprep.text.job import run
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import TokenizerSpec

SEQ_LEN = 64


@pytest.fixture(scope="module")
def job(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> TextJob:
    """A finished dataset of three files of 60 documents, some of them held out."""
    folder = tmp_path_factory.mktemp("main")
    (folder / "in").mkdir()
    for file in range(3):
        rows = [json.dumps({"text": f"{file}/{line} " * (line + 1), "url": f"http://h/{file}"}) for line in range(60)]
        data = zstandard.ZstdCompressor().compress("\n".join(rows).encode())
        (folder / "in" / f"{file}.jsonl.zst").write_bytes(data)
    settings = {"inputs": [str(folder / "in")], "out": str(folder / "out"), "tokenizer": str(tokenizer_dir)}
    made = TextJob.model_validate({**settings, "seq_len": SEQ_LEN, "held_out": 0.2, "shard_bytes": 1 << 12})
    (folder / "job.yaml").write_text(json.dumps(made.model_dump()))
    run(spark, made)
    return made


def samples_of(folder: Path) -> np.ndarray:
    entries = json.loads((folder / "index.json").read_text())["shards"]
    raws = [(folder / entry["raw_data"]["basename"]).read_bytes() for entry in entries]
    return np.concatenate(
        [ids for raw, entry in zip(raws, entries, strict=True) for ids in read.fixed_column(raw, entry, "tokens")]
    )


@pytest.mark.parametrize("split", [".", "held_out"])
def test_why_names_the_documents_that_a_sample_is_made_of(job: TextJob, split: str, tokenizer: TokenizerSpec) -> None:
    coder, folder = encoder(tokenizer), (Path(job.out) / split).resolve()
    samples = samples_of(folder)
    for position in range(0, len(samples), 7):
        covered = 0
        for source in why(str(folder), position):
            row = zstandard.ZstdDecompressor().decompressobj().decompress(Path(source.input).read_bytes())
            document = json.loads(row.split(b"\n")[source.line - 1])
            ids = [*coder.encode_batch([document["text"]])[0].tolist(), 0]
            part = samples[position][source.start : source.stop].tolist()
            assert source.start == covered
            assert any(ids[at : at + len(part)] == part for at in range(len(ids)))
            assert source.fields["url"] == document["url"]
            covered = source.stop
        assert (samples[position][covered:] == tokenizer.identity.pad_id).all()
    with pytest.raises(InputError, match=f"no sample {len(samples)}; samples are 0 to {len(samples) - 1}"):
        why(str(folder), len(samples))


def test_commands(job: TextJob, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path(job.out)
    assert main(["verify", job.out]) == 0
    assert "sound" in capsys.readouterr().out
    assert main(["why", job.out, "0"]) == 0
    alone = capsys.readouterr().out
    assert alone.startswith("ids 0-")
    assert main(["why", job.out, "0", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"sample 0\n{alone}sample 1\nids 0-")
    (out / TEMPORARY / "left").mkdir(parents=True)
    (out / TEMPORARY / "left/over").touch()
    assert main(["sweep-orphans", job.out]) == 0
    assert "1 files removed" in capsys.readouterr().out
    assert not (out / TEMPORARY).exists()
    assert main(["verify", str(out.parent)]) == 2
    assert "not a finished dataset" in capsys.readouterr().err


def test_the_estimate_of_small_inputs_is_exact(job: TextJob, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(Path(job.out).parent / "job.yaml")]) == 0
    printed = capsys.readouterr().out
    total = sum(len(samples_of(Path(job.out) / split)) for split in (".", "held_out"))
    assert "3 files" in printed
    assert "about 180 documents" in printed
    samples = int(printed.partition("samples of")[0].rpartition("about ")[2])
    assert total - 2 <= samples <= total
