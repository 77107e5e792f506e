"""What a sweep comes to: the tree drawn as text, and GPU-hours with and without sharing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curriculum.report import amount
from curriculum.supply import cost
from curriculum.sweep.expand import Run
from curriculum.sweep.language import Throughput
from curriculum.sweep.tree import Node


@dataclass(frozen=True)
class Totals:
    """Tokens to train with the tree, and run by run."""

    shared: int
    alone: int

    @property
    def saved(self) -> float:
        """Part of the work that the tree does not do again."""
        return 1 - self.shared / self.alone


def totals(runs: Sequence[Run], nodes: Sequence[Node]) -> Totals:
    """Tokens with and without sharing."""
    shared = sum((node.stop - node.start) * node.run.schedule.seq_len for node in nodes)
    return Totals(shared, sum(run.schedule.tokens(run.schedule.total_samples) for run in runs))


def sentence(runs: Sequence[Run], nodes: Sequence[Node], throughput: Throughput | None) -> str:
    """Runs, nodes, tokens, GPU-hours, money."""
    both = totals(runs, nodes)
    text = (
        f"{len(runs):,} runs, {len(nodes):,} stretches of training: {amount(both.shared)} tokens with shared trunks, "
        f"{amount(both.alone)} without ({100 * both.saved:.1f} % saved)"
    )
    if throughput is None:
        return text
    speed, gpus, price = throughput.tokens_per_second, throughput.gpus, throughput.price
    shared, alone = (cost(tokens, speed, gpus, price) for tokens in (both.shared, both.alone))
    text += f"\n{shared.gpu_hours:,.4g} GPU-hours with, {alone.gpu_hours:,.4g} without"
    if shared.price is not None and alone.price is not None:
        text += f"; {shared.price:,.0f} against {alone.price:,.0f} at {price:g} a GPU-hour"
    return text


def drawn(nodes: Sequence[Node]) -> str:
    """The tree as text: one line a stretch, with its tokens and the runs that end there."""
    children: dict[str | None, list[Node]] = {}
    for node in nodes:
        children.setdefault(node.parent, []).append(node)
    lines: list[str] = []
    stack = [(node, "", "") for node in reversed(children.get(None, []))]
    while stack:
        node, lead, below = stack.pop()
        tokens = node.run.schedule.tokens
        phases = [phase for phase in node.run.schedule.phases if phase.start < node.stop and phase.stop > node.start]
        names = " + ".join(dict.fromkeys(phase.name for phase in phases))
        ends = f"  -> {', '.join(node.ends)}" if node.ends else ""
        lines.append(f"{lead}{node.id}  {amount(tokens(node.start))} to {amount(tokens(node.stop))}  {names}{ends}")
        inner = children.get(node.id, [])
        for number, child in reversed(list(enumerate(inner))):
            last = number == len(inner) - 1
            stack.append((child, below + ("`- " if last else "|- "), below + ("   " if last else "|  ")))
    return "\n".join(lines)


def as_json(runs: Sequence[Run], nodes: Sequence[Node], throughput: Throughput | None) -> dict[str, Any]:
    """The sweep as plain data."""
    both = totals(runs, nodes)
    speed = throughput.tokens_per_second if throughput else None

    def hours(tokens: int) -> float | None:
        return None if speed is None else tokens / speed / 3600

    leaf = {name: node.id for node in nodes for name in node.ends}
    return {
        "version": 1,
        "tokens": {"with_sharing": both.shared, "without": both.alone},
        "gpu_hours": {"with_sharing": hours(both.shared), "without": hours(both.alone)},
        "runs": [
            {
                "name": run.name,
                "settings": run.settings,
                "node": leaf[run.name],
                "schedule": run.schedule.hash,
                "tokens": run.schedule.tokens(run.schedule.total_samples),
            }
            for run in runs
        ],
        "nodes": [
            {
                "id": node.id,
                "parent": node.parent,
                "start": node.start,
                "stop": node.stop,
                "tokens": (node.stop - node.start) * node.run.schedule.seq_len,
                "gpu_hours": hours((node.stop - node.start) * node.run.schedule.seq_len),
                "past": node.run.schedule.prefix_hash(node.stop),
                "runs": list(node.runs),
                "ends": list(node.ends),
            }
            for node in nodes
        ],
    }
