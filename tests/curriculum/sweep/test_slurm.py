"""A sweep on a real Slurm: submitted twice, with a node that fails, one that is asked to leave, and one cancelled."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curriculum.__main__ import main
from tests.helpers.slurm import cluster

pytestmark = pytest.mark.soak

TRAINER = f"""#!{sys.executable}
import fcntl, os, signal, sys, time
from pathlib import Path
here, node = Path({{here!r}}), Path(sys.argv[2]).parent.name
def say(what):
    with open(here / "said.txt", "a") as file:
        file.write(f"{{{{what}}}} {{{{node}}}}\\n")
def leave(number, frame):
    say("left")
    os._exit(143)
lock = open(here / f"lock.{{{{node}}}}", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    say("twice")
    sys.exit(2)
signal.signal(signal.SIGUSR1, leave)
say("start")
for kind in ("fail", "hold"):
    if (here / f"{{{{kind}}}}.{{{{node}}}}").exists():
        (here / f"{{{{kind}}}}.{{{{node}}}}").unlink()
        if kind == "fail":
            sys.exit(1)
        time.sleep(120)
        sys.exit(1)
time.sleep(0.3)
say("end")
"""
"""In the trainer's place: says what it does, fails once or waits where a file asks for it, leaves when asked to."""


@pytest.fixture
def slurm(sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster, and the sweep's files in the working directory."""
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    Path("bin").mkdir()
    Path("bin/switchpoint").write_text(TRAINER.format(here=str(Path.cwd())))
    Path("bin/switchpoint").chmod(stat.S_IRWXU)
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster") as environment:
        environment["PATH"] = f"{Path('bin').resolve()}:{environment['PATH']}"
        yield environment


def said() -> list[list[str]]:
    """What the trainers said so far, in order."""
    return [line.split() for line in Path("said.txt").read_text().splitlines()] if Path("said.txt").exists() else []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def test_every_node_is_trained_once_whatever_happens(slurm: dict[str, str]) -> None:
    def call(*command: str) -> str:
        return subprocess.run(command, env=slurm, check=True, capture_output=True, text=True, timeout=60).stdout

    def queue() -> dict[str, str]:
        """Nodes that wait or run, and their tasks."""
        waiting = set(call("squeue", "--noheader", "--array", "--me", "--format=%i").split())
        lines = [line.split() for line in Path("out/slurm/submitted.txt").read_text().splitlines()]
        return {node: task for node, task in lines if task in waiting}

    nodes = {node["id"]: node["parent"] for node in json.loads(Path("out/sweep.json").read_text())["nodes"]}
    parents = set(nodes.values())
    failing = next(node for node in nodes if nodes[node] and node in parents)  # has a parent and children
    leaf = next(node for node in nodes if nodes[node] == failing)
    leaving = next(node for node in nodes if nodes[node] and nodes[node] != failing and node not in {*parents, failing})
    for kind, node in (("fail", failing), ("hold", leaving)):
        Path(f"{kind}.{node}").touch()

    submit = ("bash", "out/slurm/submit.sh", "--time=30")
    assert sum(int(line.split(": ")[1].split()[0]) for line in call(*submit).splitlines()) == len(nodes)
    assert call(*submit) == "", "all of them wait or run"
    wait_for(lambda: ["start", leaving] in said())
    call("scancel", "--signal=USR1", queue()[leaving])
    wait_for(lambda: not queue())
    ended = [node for what, node in said() if what == "end"]
    below = {failing}
    while more := {node for node, parent in nodes.items() if parent in below} - below:
        below |= more
    assert set(ended) == set(nodes) - below, "what comes after the one that failed left the queue"
    assert [what for what, node in said() if node == leaving] == ["start", "left", "start", "end"]

    Path(f"hold.{leaf}").touch()
    assert sum(int(line.split(": ")[1].split()[0]) for line in call(*submit).splitlines()) == len(below)
    wait_for(lambda: ["start", leaf] in said())
    call("scancel", queue()[leaf])
    wait_for(lambda: not queue())
    assert ["end", leaf] not in said()
    call(*submit)
    wait_for(lambda: not queue())

    assert call(*submit) == ""
    ends = Counter(node for what, node in said() if what == "end")
    assert ends == dict.fromkeys(nodes, 1), "each once"
    assert not [node for what, node in said() if what == "twice"]
    order = {node: number for number, (what, node) in enumerate(said()) if what == "end"}
    first = {}
    for number, (what, node) in enumerate(said()):
        if what == "start":
            first.setdefault(node, number)
    assert all(parent is None or order[parent] < first[node] for node, parent in nodes.items())
    assert all(Path(f"out/nodes/{node}/done").exists() for node in nodes)
    assert os.listdir("out/logs")
