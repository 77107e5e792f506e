"""Joins runs by their shared pasts into a tree in which every stretch of training is done once.

A run's past is written by its phases and learning-rate pieces, so its `prefix_hash` changes only where one of them
begins. A run is thus a short chain of (from where on, hash), and two runs share all before the first difference of
their chains. A branch starts from a checkpoint, and checkpoints lie between steps: stretches are cut at the last whole
step that is shared, so trunk and branch together do, bit for bit, what the run would have done alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from curriculum.sweep.expand import Run
from schemas.schedule import Schedule


@dataclass(frozen=True)
class Node:
    """A stretch of training that one or several runs share."""

    id: str
    """Names what has been learned at `stop`; the same in every sweep that comes by."""
    parent: str | None
    depth: int
    start: int
    stop: int
    """Samples since the start of the run."""
    run: Run
    """A run that passes through: its schedule, cut at `stop`, is the node's."""
    runs: tuple[str, ...]
    """All runs that pass through."""
    ends: tuple[str, ...]
    """Runs that are complete at `stop`."""
    schedule: Schedule
    """What is trained here: cut at `stop`, with the evaluations and checkpoints of all runs that pass through."""


@dataclass(frozen=True)
class _Chain:
    """A run as (position from which on, what was written before): the hash holds up to the next position."""

    run: Run
    starts: tuple[int, ...]
    hashes: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.run.schedule.total_samples

    def until(self, index: int) -> int:
        """Position at which link `index` ends."""
        return self.starts[index + 1] if index + 1 < len(self.starts) else self.total


def tree(runs: Sequence[Run]) -> list[Node]:
    """Nodes of the tree (a forest, where runs differ from their first step on), parents before children."""
    nodes: list[Node] = []
    pending: list[tuple[list[_Chain], int, str | None, int]] = [([_chain(run) for run in runs], 0, None, 0)]
    while pending:
        chains, start, parent, depth = pending.pop()
        batch = chains[0].run.schedule.global_batch
        for group in _groups(chains, start, batch):
            stop = min(_shared(group[0], other) for other in group) // batch * batch
            node = _node(group, parent, depth, start, stop)
            nodes.append(node)
            further = [chain for chain in group if chain.total > stop]
            if further:
                pending.append((further, stop, node.id, depth + 1))
    order = {node.id: number for number, node in enumerate(nodes)}
    return sorted(nodes, key=lambda node: (node.depth, order.get(node.parent or "", -1), node.start, node.id))


def _groups(chains: Sequence[_Chain], start: int, batch: int) -> list[list[_Chain]]:
    """Chains that share at least the step after `start`; sharing is transitive, so one of each group speaks for it."""
    groups: list[list[_Chain]] = []
    for chain in chains:
        for group in groups:
            if _shared(group[0], chain) // batch * batch > start:
                group.append(chain)
                break
        else:
            groups.append([chain])
    return groups


def _shared(a: _Chain, b: _Chain) -> int:
    """Position up to which two runs are the same."""
    common = 0
    while common < min(len(a.hashes), len(b.hashes)) and a.hashes[common] == b.hashes[common]:
        common += 1
    return min(a.until(common - 1), b.until(common - 1)) if common else 0


def _chain(run: Run) -> _Chain:
    schedule = run.schedule
    marks = {phase.start for phase in schedule.phases} | {piece.start for piece in schedule.learning_rate}
    starts: list[int] = []
    hashes: list[str] = []
    images = [source.kind != "text" for source in schedule.sources]
    for start in sorted(marks):
        begun = [phase for phase in schedule.phases if phase.start <= start]
        seen = any(
            image and (phase.shares[i] or (phase.shares_to or phase.shares)[i])
            for phase in begun
            for i, image in enumerate(images)
        )
        written = f"{schedule.global_batch} {run.identities[seen]} {schedule.prefix_hash(start + 1)}"
        if not hashes or hashes[-1] != written:
            starts.append(start)
            hashes.append(written)
    return _Chain(run, tuple(starts), tuple(hashes))


def _node(group: Sequence[_Chain], parent: str | None, depth: int, start: int, stop: int) -> Node:
    chain = group[0]
    link = max(index for index, begins in enumerate(chain.starts) if begins < stop)
    name = hashlib.sha256(f"{chain.hashes[link]} {stop}".encode()).hexdigest()[:12]
    runs = tuple(chain.run.name for chain in group)
    ends = tuple(chain.run.name for chain in group if chain.total == stop)
    schedule = _with_points([chain.run.schedule for chain in group], stop)
    return Node(name, parent, depth, start, stop, chain.run, runs, ends, schedule)


def _with_points(schedules: Sequence[Schedule], stop: int) -> Schedule:
    """The first schedule, cut at `stop`, with the points of all: `every: 10%` differs between phases of two lengths."""
    trunk = schedules[0].cut(stop)
    wanted = {
        key: sorted({point for one in schedules for phase in one.phases for point in getattr(phase, key)})
        for key in ("evaluate_at", "checkpoint_at")
    }
    phases = [
        phase.model_copy(
            update={key: [p for p in points if phase.start < p <= phase.stop] for key, points in wanted.items()}
        )
        for phase in trunk.phases
    ]
    return trunk.model_copy(update={"phases": phases})
