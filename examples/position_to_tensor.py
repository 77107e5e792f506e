"""Reads the batch at a position of a run: `python examples/position_to_tensor.py SCHEDULE POSITION ROWS CACHE`.

Which rows they are follows from the schedule alone; nothing before the position is read.
"""

import sys
from pathlib import Path

from torch.utils.data import DataLoader

from schemas.schedule import Schedule
from train.loader.dataset import ScheduleDataset
from train.loader.rows.collate import collate


def main(path: Path, position: int, rows: int, cache: Path) -> None:
    schedule = Schedule.load(path)
    sources, samples = schedule.samples(position, position + rows)
    for source, sample in zip(sources.tolist(), samples.tolist(), strict=True):
        print(f"{schedule.sources[source].name} {sample}")

    dataset = ScheduleDataset(schedule, rows, cache=str(cache), start=position, stop=position + rows)
    batch = next(iter(DataLoader(dataset, rows, collate_fn=collate)))
    print({name: tuple(value.shape) for name, value in batch.items() if hasattr(value, "shape")})
    dataset.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
