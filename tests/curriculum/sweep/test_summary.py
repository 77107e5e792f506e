"""What a sweep comes to, with and without sharing, and the tree as text."""

from pathlib import Path

import pytest

from curriculum.language.template import Template
from curriculum.sweep.expand import expand
from curriculum.sweep.summary import drawn, sentence, sweep_file, with_sharing, without_sharing
from curriculum.sweep.tree import tree
from tests.curriculum.sweep.conftest import SWEEP


def test_hours_and_money_follow_the_tokens(sweep: Path) -> None:
    runs = expand(Template.read(sweep).fill())
    nodes = tree(runs)
    alone, shared = without_sharing(runs), with_sharing(nodes)
    assert alone.tokens == sum(run.schedule.tokens(run.schedule.total_samples) for run in runs)
    assert shared.tokens == sum(128 * (node.stop - node.start) for node in nodes) < alone.tokens
    assert shared.gpu_hours == pytest.approx(shared.tokens / 1000 / 3600)
    assert shared.price == pytest.approx(3 * shared.tokens / 1000 / 3600)
    text = sentence(runs, nodes)
    assert f"{len(runs)} runs, {len(nodes)} stretches" in text
    assert "GPU-hours" in text
    assert "in money" in text


def test_without_a_throughput_there_are_tokens_alone(sweep: Path) -> None:
    line = next(line for line in SWEEP.splitlines() if line.startswith("throughput"))
    Path("sweep.yaml").write_text(SWEEP.replace(line + "\n", ""))
    runs = expand(Template.read(sweep).fill())
    assert with_sharing(tree(runs)).gpu_hours is None
    assert "hours" not in sentence(runs, tree(runs))


def test_the_drawing_has_a_line_for_each_stretch_below_its_parent(sweep: Path) -> None:
    runs = expand(Template.read(sweep).fill())
    nodes = tree(runs)
    lines = drawn(nodes).splitlines()
    assert len(lines) == len(nodes)
    indent = {word: line.index(word) for line in lines for word in line.split() if word in {n.id for n in nodes}}
    for node in nodes:
        assert indent[node.id] == 3 * node.depth
    for run in runs:
        assert sum(run.name in line.split("-> ")[-1].split(", ") for line in lines) == 1


def test_the_json_names_every_run_s_leaf(sweep: Path) -> None:
    runs = expand(Template.read(sweep).fill())
    nodes = tree(runs)
    told = sweep_file(runs, nodes)
    by_id = {node.id: node for node in told.nodes}
    assert len(by_id) == len(nodes)
    for run, entry in zip(runs, told.runs, strict=True):
        assert by_id[entry.node].past == entry.schedule == run.schedule.hash
        assert entry.name in by_id[entry.node].ends
    assert sum(node.tokens for node in told.nodes) == told.with_sharing.tokens
