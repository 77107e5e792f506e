"""One rank of a job that only reads: `composer -n N tests/helpers/rank.py PLAN.json`.

It writes down every row that its loader gives it, with a hash of what the row holds, and keeps step with the other
ranks as training would. The plan says what to read; its `cases` are read one after another in the same processes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch.distributed as dist
import xxhash

from schemas.schedule import Schedule
from train.loader.cache.download import Patience
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset
from train.loader.rows.batch import Batch
from train.run.last_words import LastWords, undisturbed


def facts(batch: Batch) -> list[list[Any]]:
    """[position, source, sample, hash of ids, labels and pixels] of each row."""
    found, image = [], 0
    for row in range(len(batch["sources"])):
        images = int(batch["images_per_row"][row])
        content = xxhash.xxh64()
        for part in (batch["input_ids"][row], batch["labels"][row], batch["pixels"][image : image + images]):
            content.update(part.contiguous().numpy())
        image += images
        numbers = [int(batch[key][row]) for key in ("positions", "sources", "samples")]  # type: ignore[literal-required]
        found.append([*numbers, content.hexdigest()])
    return found


def read(plan: dict[str, Any], case: dict[str, Any], words: LastWords) -> None:
    """Read one case from its start to the end of the run."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    dataset = ScheduleDataset(
        Schedule.load(case.get("schedule", plan["schedule"])),
        case["global_batch"] // ranks,
        cache=case.get("cache", plan["cache"]),
        start=case["start"],
        cache_limit=plan.get("cache_limit"),
        patience=Patience(**plan.get("patience", {})),
    )
    out = Path(case["out"])
    out.mkdir(parents=True, exist_ok=True)
    loader = ScheduleLoader(dataset, case["workers"])
    try:
        with (out / f"rows.{rank}.jsonl").open("a") as log:
            position = case["start"]
            for batch in loader:
                log.write(json.dumps(facts(batch)) + "\n")
                log.flush()
                dist.barrier()
                position = min(position + case["global_batch"], dataset.stop)
                if rank == 0:
                    (out / "position.part").write_text(str(position))
                    (out / "position.part").rename(out / "position")
                time.sleep(plan.get("pause", 0))
                _wait_for(plan.get("until"))
    except Exception as error:  # as `train.run.launch` does
        with undisturbed():
            meant = loader.explained(error) or error
            words.say(meant, dataset)
        raise meant from None
    dataset.close()


def _wait_for(file: str | None) -> None:
    """Hold the first batch until `file` is there, two minutes at most."""
    until = time.monotonic() + 120
    while file and not Path(file).exists() and time.monotonic() < until:
        time.sleep(0.02)


def main() -> int:
    plan = json.loads(Path(sys.argv[1]).read_text())
    if limit := plan.get("file_limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    dist.init_process_group("gloo")
    words = LastWords()
    try:
        for case in plan["cases"]:
            read(plan, case, words)
        dist.destroy_process_group()
    except Exception as error:
        words.say(error)
    return words.end()


if __name__ == "__main__":
    sys.exit(main())
