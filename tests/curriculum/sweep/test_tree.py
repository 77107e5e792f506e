"""A sweep's tree: shared pasts are trained once, and every run's path through it is the run."""

import json
import os
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from curriculum.__main__ import main
from curriculum.document import Template
from curriculum.sweep.expand import Run, expand
from curriculum.sweep.tree import Node, tree
from schemas.errors import InputError
from schemas.schedule import Schedule

SWEEP = """\
curriculum: base.yaml
train: run.yaml
idle_before_images: [model.encoder]
throughput: {tokens_per_second: 1000, gpus: 2, price: 3}
grids:
  - name: mid
    axes: {switch: [40%, 80%], seed: [7, 365], encoder: [siglip, patch]}
  - {name: early, set: {switch: 0%, rate: {peak: 3e-3, warmup: 10 steps}}}
  - name: late
    axes: {when: [{label: end, switch: 100%, rate: {rewarm: 1e-3, warmup: 10 steps}}], epochs: [1, 2]}
"""
RUN = 'parameters: {encoder: siglip}\nmodel: {size: demo, encoder: {kind: "${encoder}"}}\nmicrobatch: 4\n'


@pytest.fixture
def sweep(base: Path) -> Path:
    Path("sweep.yaml").write_text(SWEEP)
    Path("run.yaml").write_text(RUN)
    return Path("sweep.yaml")


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


def test_the_launch_script_trains_parents_first_and_skips_what_is_finished(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out"]) == 0
    assert "11 runs" in capsys.readouterr().out
    summary = json.loads(Path("out/sweep.json").read_text())
    _command("composer", 'echo "$4" >> composer.log')
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    trained = [Path(line).parent.name for line in Path("composer.log").read_text().split()]
    order = {name: number for number, name in enumerate(trained)}
    assert len(order) == len(trained) == len(summary["nodes"])
    for node in summary["nodes"]:
        assert node["parent"] is None or order[node["parent"]] < order[node["id"]]
        run = yaml.safe_load(Path(f"out/nodes/{node['id']}/run.yaml").read_text())
        schedule = Schedule.load(run["schedule"])
        assert schedule.total_samples == node["stop"]
        assert schedule.hash == node["past"]
        assert run.get("branch_from") == (f"out/nodes/{node['parent']}/out" if node["parent"] else None)
    Path("composer.log").unlink()
    Path(f"out/nodes/{trained[-1]}/done").unlink()
    subprocess.run(["bash", "out/launch.sh"], check=True, capture_output=True)
    assert len(Path("composer.log").read_text().split()) == 1


def test_slurm_waits_for_the_parent_alone(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["sweep", "sweep.yaml", "-o", "out", "--no-tree"]) == 0
    _command("sbatch", 'echo "$@" >> sbatch.log; echo $((100 + $(wc -l < sbatch.log)))')
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")
    subprocess.run(["bash", "out/slurm/submit.sh", "--partition=gpu"], check=True, capture_output=True)
    calls = Path("sbatch.log").read_text().splitlines()
    summary = json.loads(Path("out/sweep.json").read_text())
    parents = {node["parent"] for node in summary["nodes"]}
    assert len(calls) == len(parents)
    job: dict[str, str] = {}
    parent_of = {node["id"]: node["parent"] for node in summary["nodes"]}
    for number, call in enumerate(calls):
        assert "--partition=gpu" in call
        ids = Path(call.split()[-1]).read_text().split()
        assert f"--array=0-{len(ids) - 1}" in call
        parent = parent_of[ids[0]]
        assert (f"--dependency=afterok:{job[parent]}" in call) if parent else ("--dependency" not in call)
        job |= {name: f"{101 + number}_{index}" for index, name in enumerate(ids)}


def _command(name: str, body: str) -> None:
    folder = Path("bin")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
    (folder / name).chmod((folder / name).stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed: [7, 365]", "seeds: [7]", "'seeds' is a parameter of neither"),
        ("switch: [40%, 80%]", "switch: []", "axis 'switch' has no values"),
        ("switch: [40%, 80%]", "switch: [40%, 40%]", "two runs are named"),
        ("switch: [40%, 80%]", "switch: [40%, 180%]", "(in run 'mid_switch=180"),
        ("{label: end, ", "{", "needs a label"),
        ("curriculum: base.yaml", "curriculum: none.yaml", "cannot read the file"),
    ],
)
def test_mistakes(sweep: Path, before: str, after: str, said: str) -> None:
    assert before in SWEEP
    Path("sweep.yaml").write_text(SWEEP.replace(before, after))
    with pytest.raises(InputError) as caught:
        expand(Template.read(sweep).fill())
    assert said in str(caught.value)
