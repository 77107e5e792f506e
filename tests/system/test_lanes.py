"""Lanes (canonical nodes) by real processes: launchers that pose as nodes, each with its own cache, on one machine.

The nodes share the machine's memory, temporary files and cache directory, as containers on one host may.
"""

from pathlib import Path

import pytest

from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.jobs import Job, Row, batches, case, cut, digests, whole_run

LANES, GLOBAL_BATCH, TOTAL = 4, 12, 480
SAMPLES = {"text": 400, "pairs": 24, "conversations": 24}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """About a pass of a compressed source, which every node has to copy into its cache, and little of two others."""
    root = tmp_path_factory.mktemp("data")
    for kind, samples in SAMPLES.items():
        synthetic.write(root, kind, samples, compression="zstd:3")
    schedule = synthetic.schedule(root, global_batch=GLOBAL_BATCH, lengths=(360, 60, 60), pairs_share=400_000_000)
    Schedule.model_validate({**schedule.model_dump(), "lanes": LANES}).save(root / "schedule.json")
    return root


@pytest.fixture(scope="module")
def run(root) -> list[Row]:
    return whole_run(Schedule.load(root / "schedule.json"), root / "cache of one")


def test_lanes_change_the_order(root, run):
    schedule = Schedule.load(root / "schedule.json").model_copy(update={"lanes": 1})
    _, samples = schedule.samples(0, TOTAL)
    assert samples.tolist() != [row[2] for row in run]


def check(root: Path, run: list[Row], work: Path, shape: tuple[int, int], workers: list[int]) -> list[set[str]]:
    """Read on `shape` (nodes, ranks of a node), from two starts; returns the text shards that each node has cached."""
    cases = [
        case(
            work / f"out-{w}-{start}",
            start=start,
            workers=w,
            global_batch=GLOBAL_BATCH,
            cache=str(work / f"cache-{w}-{start}"),
        )
        for w in workers
        for start in (0, 365)
    ]
    well, said = Job(root, shape[1], cases, nodes=shape[0]).finish(400)
    assert well, said
    for one in cases:
        assert digests(batches(Path(one["out"]))) == digests(cut(run[one["start"] :], GLOBAL_BATCH))
    slots = sorted(Path(cases[0]["cache"]).iterdir())
    assert len(slots) == shape[0]
    return [{file.name for file in slot.glob("text-*/shard.*.mds")} for slot in slots]


@pytest.mark.slow
def test_two_nodes_read_the_schedule_each_its_own_shards(root, run, tmp_path):
    first, second = check(root, run, tmp_path, (2, 1), [1])
    number = len(list((root / "text").glob("shard.*")))
    assert len(first | second) > 0.8 * number
    assert len(first & second) < 0.2 * number


@pytest.mark.soak
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1), (4, 1)])
def test_every_cluster_gives_the_same_global_batches(root, run, tmp_path, shape):
    check(root, run, tmp_path, shape, [0, 1, 2])
