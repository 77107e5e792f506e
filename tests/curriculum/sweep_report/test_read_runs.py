"""A sweep's folder read back: paths through the tree, logs, and what is damaged."""

import json

import pytest

from common import seal
from common.errors import InputError
from curriculum.sweep_report.read_runs import read


def test_paths_lead_from_a_root_to_the_run(swept):
    sweep = read(swept)
    parents = {node.id: node.parent for node in sweep.nodes}
    tokens = {node.id: node.tokens for node in sweep.nodes}
    for run in sweep.runs:
        assert parents[run.path[0]] is None
        assert all(parents[child] == parent for parent, child in zip(run.path, run.path[1:], strict=False))
        assert sum(tokens[part] for part in run.path) == run.tokens
    assert sum(tokens.values()) == sweep.tokens_with_sharing < sweep.tokens_without


def test_seconds_of_all_steps_and_the_last_step(swept):
    node = read(swept).nodes[0]
    log = swept / "nodes" / node.id / "out/metrics.jsonl"
    line = log.read_text()
    log.write_text(line * 3)
    found = read(swept).nodes[0]
    assert (found.seconds, found.last) == (3 * node.seconds, node.last)
    log.write_text(line + line[:40])
    with pytest.raises(InputError, match=r"metrics\.jsonl:2: not a step record"):
        read(swept)
    log.write_text("")
    assert (read(swept).nodes[0].last, read(swept).nodes[0].seconds) == (None, 0.0)


def test_configurations_differ_by_more_than_the_seed(swept):
    by_config = {}
    for run in read(swept).runs:
        by_config.setdefault(run.config, []).append(run.settings["seed"])
    assert all(sorted(seeds) == [7, 365] for seeds in by_config.values())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"nodes": []}', '{"nodes": [{"id": "x"}], "runs": []}'])
def test_a_damaged_sweep(swept, content):
    (swept / "sweep.json").write_text(content)
    with pytest.raises(InputError, match=r"sweep\.json: .*damaged sweep .*; write the sweep again"):
        read(swept)


def test_a_run_at_a_node_that_is_not_there(swept):
    told = seal.opened((swept / "sweep.json").read_text())
    told["runs"][0]["node"] = "nowhere"
    (swept / "sweep.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="damaged sweep"):
        read(swept)


def test_scores_of_another_schedule(swept):
    file = read(swept).runs[2].folder / "scores/results.json"
    told = json.loads(file.read_text())
    told["model"]["schedule"] = "b" * 64
    file.write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"results\.json: scores of another schedule \(bbbbbbbbbbbb\) than the run's"):
        read(swept)


def test_no_sweep(tmp_path):
    with pytest.raises(InputError, match="no sweep here"):
        read(tmp_path)
