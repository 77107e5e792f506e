"""`push` from the command line: what is not sound stays here."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.commands import push
from schemas.manifest import MANIFEST_NAME
from tests.helpers.hub import Hub

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    push.configure(parser)
    return push.run(parser.parse_args(list(arguments)))


def test_a_damaged_dataset_is_not_sent(hub: Hub, dataset: Path, capsys: Capture) -> None:
    shard = next(dataset.glob("*.mds*"))
    good = shard.read_bytes()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert run(str(dataset), "us/data") == 1
    assert "nothing is uploaded" in capsys.readouterr().err
    assert not hub.repositories


def test_where_it_is_is_said_and_a_second_time_that_it_is_there(hub: Hub, dataset: Path, capsys: Capture) -> None:
    assert run(str(dataset), "us/data", "--private") == 0
    assert f"{hub.address}/us/data/commit/" in capsys.readouterr().out
    assert hub.private == {"us/data"}
    assert run(str(dataset), "us/data") == 0
    assert capsys.readouterr().out == "us/data holds the dataset already\n"


def test_what_is_no_dataset_on_disk_is_refused(hub: Hub, dataset: Path) -> None:
    with pytest.raises(InputError, match="is not on disk; copy it to a folder first"):
        run("s3://bucket/data", "us/data")
    (dataset / MANIFEST_NAME).unlink()
    with pytest.raises(InputError, match="not a finished dataset"):
        run(str(dataset), "us/data")
    assert not hub.repositories
