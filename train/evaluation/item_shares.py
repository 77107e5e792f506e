"""Shares the items of a task among processes, each of which predicts its own; what is there already is kept."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from pathlib import Path

import torch

from common import heartbeat
from common.errors import InputError, exit_code
from common.process import end_with_parent
from train.evaluation.predict import Settings, predict, read_predictions, threads_each
from train.evaluation.scored_model import Subject, open_subject
from train.evaluation.task import Item, Task


def predictions_of(subject: Subject, task: Task, items: list[Item], work: Path, identity: str, settings: Settings,
                   processes: int, tokenizer: Path | None) -> dict[int, str]:  # fmt: skip
    """Predicts what `work` does not have yet; returns the prediction of every item by its number.

    Raises:
        InputError: a process failed; what the others have done is kept.
    """
    work.mkdir(parents=True, exist_ok=True)
    there = read_predictions(work_files(work, task.name, identity))
    pending = [number for number in range(len(items)) if number not in there]
    processes = min(processes, len(pending)) or 1
    shares = [
        ({n: items[n] for n in pending[rank::processes]}, _file(work, task.name, identity, rank))
        for rank in range(processes)
    ]
    how = (settings, task.instruction, task.max_tokens)
    if processes == 1:
        predict(subject, shares[0][0], *how, shares[0][1], task.name)
    else:
        context = multiprocessing.get_context("spawn")
        threads = threads_each(processes)
        workers = [
            context.Process(
                target=_work,
                args=(subject.told.path, tokenizer, threads, rank, share, *how, file, task.name),
                daemon=True,
            )
            for rank, (share, file) in enumerate(shares)
        ]
        for worker in workers:
            worker.start()
        heartbeat.at(f"{task.name}: waiting for {processes} processes")
        for worker in workers:
            worker.join()
        if failed := [worker.exitcode for worker in workers if worker.exitcode]:
            raise InputError(
                f"{len(failed)} of {processes} processes failed",
                field=task.name,
                remedy="see above; mend it and start again to go on",
            )
    return read_predictions(work_files(work, task.name, identity))


def _work(path: str, tokenizer: Path | None, threads: int, rank: int, items: dict[int, Item], settings: Settings,
          instruction: str, max_tokens: int, file: Path, label: str) -> None:  # fmt: skip
    """One of several processes, with its share of the items; each has a GPU of its own where there are several."""
    end_with_parent(signal.SIGTERM)  # or it would write beside the evaluation that is started again
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(rank % torch.cuda.device_count())

    def main() -> None:
        with heartbeat.beating(f"{label} [{rank}], reading the model"):
            subject = open_subject(Path(path), tokenizer)
            predict(subject, items, settings, instruction, max_tokens, file, f"{label} [{rank}]")

    sys.exit(exit_code(main))


def _file(work: Path, task: str, identity: str, rank: int) -> Path:
    return work / f"{task}-{identity[:16]}-{rank}.jsonl"


def work_files(work: Path, task: str, identity: str) -> list[Path]:
    """Lists the files of unfinished predictions."""
    return sorted(work.glob(f"{task}-{identity[:16]}-*.jsonl"))
