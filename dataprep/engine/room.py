"""Says what Spark waits for while a cluster gives it no executor: every 15 seconds, what is asked and what is offered.

Without it a job whose executors fit on no machine waits for ever and says nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

EVERY_S = 15.0
_ANSWER_S = 3.0
"""Seconds that the master's page may take."""
_UNITS_MIB = {"": 1.0, "b": 1 / 2**20, "k": 1 / 2**10, "m": 1.0, "g": 2.0**10, "t": 2.0**20}


@dataclass(frozen=True)
class Asked:
    """One executor as the job asks for it; `cores` is None where it takes all of a worker."""

    memory_mib: int
    cores: int | None

    def __str__(self) -> str:
        cores = "all cores of a worker" if self.cores is None else _cores(self.cores)
        return f"{cores} and {_size(self.memory_mib)}"

    def fits(self, cores: int, memory_mib: int) -> bool:
        """Whether a machine with this much has room for one."""
        return cores >= (self.cores or 1) and memory_mib >= self.memory_mib


@contextmanager
def watched(spark: SparkSession, every: float = EVERY_S) -> Iterator[None]:
    """While the block runs, say every `every` seconds what is waited for, if tasks wait and no executor is there."""
    context = spark.sparkContext
    master = context.master or ""
    if master.startswith("local"):
        yield
        return
    over = threading.Event()
    asked = asked_of(dict(context.getConf().getAll()))
    page = page_of(master, context.getConf().get("spark.master.ui.port") or "")

    def watch() -> None:
        waited = 0.0
        while not over.wait(every):
            try:
                busy = bool(context.statusTracker().getActiveStageIds())
                executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # type: ignore[union-attr]
            except Exception:  # the session ends meanwhile; the job itself says why
                return
            waited = 0.0 if executors or not busy else waited + every
            if waited:
                state = None if page is None else read_page(page, master)
                line = waiting(asked, master, page, state, context.applicationId)
                print(f"{waited:.0f} s without an executor: {line}", file=sys.stderr)

    thread = threading.Thread(target=watch, name="room", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_ANSWER_S + 5)


def asked_of(settings: Mapping[str, str]) -> Asked:
    """Read the size of an executor from Spark's properties."""
    memory = mebibytes(settings.get("spark.executor.memory", "1g"))
    memory += mebibytes(settings.get("spark.executor.pyspark.memory", "0"))
    cores = settings.get("spark.executor.cores")
    return Asked(memory, int(cores) if cores else None)


def mebibytes(text: str) -> int:
    """Read a size as Spark writes it: `8g`, `600m`, `2048` (MiB)."""
    found = re.fullmatch(r"(\d+)([bkmgt]?)b?", text.strip().lower())
    return int(int(found[1]) * _UNITS_MIB[found[2]]) if found else 0


def page_of(master: str, port: str) -> str | None:
    """The master's page as JSON: of a standalone master, at its UI's port."""
    found = re.match(r"spark://([^:,]+):\d+", master)
    port = port or os.environ.get("SPARK_MASTER_WEBUI_PORT", "8080")
    return f"http://{found[1]}:{port}/json/" if found else None


def read_page(page: str, master: str) -> dict[str, Any] | None:
    """Read what the master says of itself; None where nothing, or another master, answers."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(page, timeout=_ANSWER_S) as answer:
            state = json.loads(answer.read(16 << 20))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) and state.get("url") in master.split(",") else None


def waiting(asked: Asked, master: str, page: str | None, state: Mapping[str, Any] | None, own: str) -> str:
    """One line: what an executor asks for, what there is, and what helps.

    Args:
        asked: what an executor asks for.
        master: address of the master.
        page: address of its page, if it has one.
        state: what the page says, if it answers.
        own: id of this application.
    """
    want = f"each asks for {asked} (--executor-cores, --executor-memory)"
    if state is None:
        look = "yarn application -list" if master == "yarn" else "kubectl get pods" if page is None else page
        return f"{want}; {master} has given none: see what it has free ({look}), and ask for less or wait"
    workers = [one for one in state["workers"] if one["state"] == "ALIVE"]
    if not workers:
        return f"{want}; {master} has no worker alive: start some"
    offers = sorted({(one["coresfree"], one["memoryfree"], one["cores"], one["memory"]) for one in workers})[::-1]
    shown = ", ".join(
        f"{_cores(cores)} of {all_cores} and {_size(memory)} of {_size(all_memory)}"
        for cores, memory, all_cores, all_memory in offers[:4]
    )
    have = f"{master} has {len(workers)} worker{'s' * (len(workers) > 1)}, free: {shown}"
    if not any(asked.fits(one["cores"], one["memory"]) for one in workers):
        return f"{want}; {have}; it fits on none of them: ask for less"
    if any(one["id"] == own and one["cores"] for one in state["activeapps"]):
        return f"{want}; {have}; some are starting; if they die, the workers' work/app-*/*/stderr say why"
    if not any(asked.fits(one["coresfree"], one["memoryfree"]) for one in workers):
        return f"{want}; {have}; other applications hold the rest: wait, or ask for less"
    return f"{want}; {have}: there is room; the master gives it out soon"


def _cores(count: int) -> str:
    return f"{count} core{'s' * (count != 1)}"


def _size(mib: int) -> str:
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib} MiB"
