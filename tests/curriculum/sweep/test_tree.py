"""A sweep's tree: shared pasts are trained once, and every run's path through it is the run."""

from pathlib import Path

import numpy as np

from curriculum.language.template import Template
from curriculum.sweep.expand import Run, expand
from curriculum.sweep.tree import Node, tree
from tests.curriculum.sweep.conftest import SWEEP


def path_of(run: Run, nodes: list[Node]) -> list[Node]:
    by_id = {node.id: node for node in nodes}
    node: Node | None = next(node for node in nodes if run.name in node.ends)
    path: list[Node] = []
    while node is not None:
        path.insert(0, node)
        node = by_id[node.parent] if node.parent else None
    return path


def test_every_path_is_its_run(sweep: Path) -> None:
    runs = expand(Template.read(sweep).fill())
    nodes = tree(runs)
    assert len(runs) == 11
    assert len({node.id for node in nodes}) == len(nodes)
    for run in runs:
        position = 0
        for node in path_of(run, nodes):
            assert node.start == position
            assert node.stop % 32 == 0
            part = node.run.schedule.cut(node.stop)
            assert part.hash == run.schedule.prefix_hash(node.stop)
            for mine, its in zip(
                part.samples(position, node.stop), run.schedule.samples(position, node.stop), strict=True
            ):
                assert np.array_equal(mine, its)
            steps = range(position, node.stop, 32)
            assert [part.lr(p) for p in steps] == [run.schedule.lr(p) for p in steps]
            position = node.stop
        assert position == run.schedule.total_samples


def test_encoders_share_text_and_seeds_share_nothing(sweep: Path) -> None:
    nodes = tree(expand(Template.read(sweep).fill()))
    roots = [node for node in nodes if node.parent is None]
    assert len(roots) == 3  # two seeds, and the run that begins with images
    trunk = next(node for node in roots if len(node.runs) > 4)
    assert {"siglip", "patch"} == {name.split("encoder=")[1] for name in trunk.runs if "encoder" in name}
    assert trunk.stop == 4000 // 32 * 32


def test_without_idle_keys_encoders_share_nothing(sweep: Path) -> None:
    Path("sweep.yaml").write_text(SWEEP.replace("idle_before_images: [model.encoder]\n", ""))
    nodes = tree(expand(Template.read(sweep).fill()))
    assert len([node for node in nodes if node.parent is None]) == 5


def test_node_names_do_not_depend_on_the_rest_of_the_sweep(sweep: Path) -> None:
    whole = {node.id for node in tree(expand(Template.read(sweep).fill()))}
    Path("sweep.yaml").write_text(SWEEP.replace("[40%, 80%]", "[80%]"))
    part = tree(expand(Template.read(sweep).fill()))
    assert {node.id for node in part} <= whole


def test_a_trunk_keeps_the_points_of_all_its_runs(sweep: Path) -> None:
    """10 % of a phase is another distance in a longer phase; no run loses its own on the shared part."""
    base = Path("base.yaml")
    points = "evaluate: {every: 10%}, checkpoint: {at: [50%]}, may_be_empty"
    base.write_text(base.read_text().replace("may_be_empty", points, 1))
    runs = expand(Template.read(sweep).fill())
    nodes = tree(runs)
    assert any(len(node.runs) > 1 for node in nodes)
    for key in ("evaluate_at", "checkpoint_at"):
        for run in runs:
            wanted = {point for phase in run.schedule.phases for point in getattr(phase, key)}
            done = {
                point
                for node in path_of(run, nodes)
                for phase in node.schedule.phases
                for point in getattr(phase, key)
                if node.start < point
            }
            assert wanted <= done
    assert all(node.schedule.hash == node.run.schedule.prefix_hash(node.stop) for node in nodes)
