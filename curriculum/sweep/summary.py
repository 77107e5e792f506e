"""Summarises a sweep: the tree drawn as text, and GPU-hours with and without sharing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from common.text_table import amount, number
from curriculum.language.sweep_file import Throughput
from curriculum.sweep.expand import Run
from curriculum.sweep.tree import Node
from curriculum.views.supply import cost
from schemas.sweep_file import Registered, SweepFile, SweepNode, SweepRun, Totals


def _sum(parts: Iterable[tuple[int, Throughput | None]]) -> Totals:
    tokens, hours, price = 0, 0.0, 0.0
    timed = priced = True
    for some, throughput in parts:
        tokens += some
        if throughput is None:
            timed = priced = False
            continue
        spent = cost(some, throughput.tokens_per_second, throughput.gpus, throughput.price)
        hours += spent.gpu_hours
        priced &= spent.price is not None
        price += spent.price or 0.0
    return Totals(tokens=tokens, gpu_hours=hours if timed else None, price=price if timed and priced else None)


def with_sharing(nodes: Sequence[Node]) -> Totals:
    """Sums what the nodes of the tree take."""
    return _sum((_tokens(node), node.run.throughput) for node in nodes)


def without_sharing(runs: Sequence[Run]) -> Totals:
    """Sums what the runs take one by one."""
    return _sum((run.schedule.tokens(run.schedule.total_samples), run.throughput) for run in runs)


def _tokens(node: Node) -> int:
    return (node.stop - node.start) * node.run.schedule.seq_len


def sentence(runs: Sequence[Run], nodes: Sequence[Node]) -> str:
    """Runs, nodes, tokens, GPU-hours, money."""
    tree, alone = with_sharing(nodes), without_sharing(runs)
    text = (
        f"{len(runs):,} runs, {len(nodes):,} stretches of training: {amount(tree.tokens)} tokens with shared trunks, "
        f"{amount(alone.tokens)} without ({100 * (1 - tree.tokens / alone.tokens):.1f} % saved)"
    )
    if tree.gpu_hours is not None and alone.gpu_hours is not None:
        text += f"\n{number(tree.gpu_hours)} GPU-hours with, {number(alone.gpu_hours)} without"
    if tree.price is not None and alone.price is not None:
        text += f"; {number(tree.price)} against {number(alone.price)} in money"
    return text


def _phases(node: Node) -> list[str]:
    """Names of the phases that a stretch trains, for a step or more: switches need not lie on steps."""
    schedule = node.run.schedule
    parts = [(phase.name, min(phase.stop, node.stop) - max(phase.start, node.start)) for phase in schedule.phases]
    least = min(schedule.global_batch, max(part for _, part in parts))
    return [name for name, part in parts if part >= least]


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
        names = " + ".join(dict.fromkeys(_phases(node)))
        ends = f"  -> {', '.join(node.ends)}" if node.ends else ""
        lines.append(f"{lead}{node.id}  {amount(tokens(node.start))} to {amount(tokens(node.stop))}  {names}{ends}")
        inner = children.get(node.id, [])
        for place, child in reversed(list(enumerate(inner))):
            last = place == len(inner) - 1
            stack.append((child, below + ("`- " if last else "|- "), below + ("   " if last else "|  ")))
    return "\n".join(lines)


def sweep_file(runs: Sequence[Run], nodes: Sequence[Node], registered: Registered | None = None) -> SweepFile:
    """Builds the content of `sweep.json`."""
    leaf = {name: node.id for node in nodes for name in node.ends}
    return SweepFile(
        with_sharing=with_sharing(nodes),
        without_sharing=without_sharing(runs),
        runs=[
            SweepRun(
                name=run.name,
                settings=run.settings,
                node=leaf[run.name],
                schedule=run.schedule.hash,
                tokens=run.schedule.tokens(run.schedule.total_samples),
            )
            for run in runs
        ],
        nodes=[
            SweepNode(
                id=node.id,
                parent=node.parent,
                start=node.start,
                stop=node.stop,
                tokens=_tokens(node),
                gpu_hours=_sum([(_tokens(node), node.run.throughput)]).gpu_hours,
                past=node.run.schedule.prefix_hash(node.stop),
                runs=list(node.runs),
                ends=list(node.ends),
            )
            for node in nodes
        ],
        registered=registered,
    )
