"""`export --push` against a hub on loopback, from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.checkpoints import PATCH, TURNS, checkpoint
from tests.helpers.commands import command_environment
from tests.helpers.hub import TOKEN, Hub, loopback_hub


def pushed(hub: Hub, folder: Path, *options: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    """The command as a user gives it, with no word about being offline."""
    environment = command_environment(HF_ENDPOINT=hub.address, HF_TOKEN=token, HF_HOME=str(folder / "home"))
    del environment["HF_HUB_OFFLINE"]
    command = [sys.executable, "-m", "train", "export", str(folder / "out"), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_everything_arrives_as_it_was_written(tmp_path: Path) -> None:
    checkpoint(tmp_path, encoder=PATCH, conversation=TURNS)
    with loopback_hub() as hub:
        for folder in ("hf", "again"):
            options = ["--push", "us/model", "--private", "--licence", "apache-2.0"]
            done = pushed(hub, tmp_path, str(tmp_path / folder), *options)
            assert done.returncode == 0, done.stderr
            assert f"{hub.address}/us/model/commit/" in done.stdout
            written = {file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()}
            assert hub.repositories == {"us/model": written}
        assert hub.private == {"us/model"}
        assert hub.commits[0].startswith("Sample 8 of schedule ")
        assert b'license: "apache-2.0"' in hub.repositories["us/model"]["README.md"]


REFUSED = """
import os, sys
from common.errors import InputError
from common.hub_upload import open_repository

for line in sys.stdin:
    name, os.environ["HF_TOKEN"] = line.rstrip().split("|")
    try:
        open_repository(name, private=False)
    except InputError as error:
        print(error)
"""
"""Asks for repositories, each with a token of its own; prints why each is refused."""


def test_what_a_hub_refuses_is_one_line(tmp_path: Path) -> None:
    cases = {
        f"others/model|{TOKEN}": "the hub does not take 'others/model' (403",
        "us/model|hf_wrong": "the hub does not take 'us/model' (401",
        f"us/mo del|{TOKEN}": "the hub does not take 'us/mo del'",
        f"model|{TOKEN}": "'model' is no owner/name",
    }
    with loopback_hub() as hub:
        environment = command_environment(HF_ENDPOINT=hub.address, HF_HOME=str(tmp_path))
        del environment["HF_HUB_OFFLINE"]
        command = [sys.executable, "-c", REFUSED]
        asked = {"env": environment, "capture_output": True, "text": True}
        done = subprocess.run(command, input="\n".join(cases), **asked)  # type: ignore[call-overload]
        assert not hub.repositories
    gone = subprocess.run(command, input=f"us/model|{TOKEN}", **asked)  # type: ignore[call-overload]
    said = [*done.stdout.splitlines(), *gone.stdout.splitlines()]
    for line, part in zip(said, [*cases.values(), "the hub does not take 'us/model'"], strict=True):
        assert line.startswith("--push: ")
        assert part in line
        assert "; check the name and HF_TOKEN" in line or "; write OWNER/NAME" in line
