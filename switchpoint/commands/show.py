"""`show`: draws windows as a model reads them, of a dataset or of a step of a schedule."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.printable import escaped
from common.text_table import amount
from curriculum.commands.arguments import read_schedule, whole
from curriculum.views.explain import step_range
from curriculum.views.tables import mix
from schemas.manifest import MANIFEST_NAME

if TYPE_CHECKING:
    from schemas.schedule import Schedule
    from train.report.decoded import Window

HELP = "draw decoded windows with pictures, documents, loss mask and where they come from, as one page"
EXAMPLE = """\
Of a dataset, windows from all over it; of a schedule, the first of a step. Text without loss is grey.

examples:
  switchpoint show data/pairs --tokenizer tokenizer            # show.html
  switchpoint show schedule.json --step 120 --tokenizer tokenizer --limit 4 -o step.html
"""
_ALL_OVER = """\
seed: {seed}
global_batch: {limit}
trunk: 1 steps
sources: {{dataset: {{path: {path}, exhausted: repeat}}}}
learning_rate: {{peak: 1, warmup: 0 steps, shape: constant, over: 100%}}
phases: [{{name: all, until: 100%, mix: {{dataset: 1}}}}]
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("what", metavar="DATASET|SCHEDULE", help="a finished dataset, schedule.json or curriculum.yaml")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the tokenizer.json that made the data")
    parser.add_argument("--step", type=int, help="of a schedule: optimizer step, from 0")
    parser.add_argument("--limit", type=whole, default=8, help="windows; default 8")
    parser.add_argument("--seed", type=int, default=0, help="of a dataset: which windows")
    parser.add_argument("-o", "--output", type=Path, default=Path("show.html"), help="default: show.html")


def run(options: argparse.Namespace) -> None:
    """Read the windows and write the page."""
    from common import atomic_files
    from common.html import page
    from train.report.decoded import decoded

    dataset = "://" in options.what or (Path(options.what) / MANIFEST_NAME).exists()
    if dataset and options.step is not None:
        raise InputError("a dataset has no steps", field="--step", file=options.what, remedy="name a schedule")
    schedule = _all_over(options) if dataset else read_schedule(Path(options.what))
    step = options.step or 0
    start, stop = step_range(schedule, step, schedule.global_batch)
    parts = [page.note("Samples from all over the dataset." if dataset else _about(schedule, step, start, stop))]
    for window in decoded(schedule, start, min(stop, start + options.limit), options.tokenizer):
        parts += _window(schedule, window)
    atomic_files.write_text(options.output, page.page(str(options.what), parts))
    print(f"wrote {options.output}")


def _all_over(options: argparse.Namespace) -> Schedule:
    """A run of one step over the dataset alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all-over.yaml"
        place = options.what if "://" in options.what else str(Path(options.what).resolve())
        path.write_text(_ALL_OVER.format(seed=options.seed, limit=options.limit, path=json.dumps(place)))
        return read_schedule(path)


def _about(schedule: Schedule, step: int, start: int, stop: int) -> str:
    """The step in a sentence, as `explain` has it."""
    phase = schedule.phase(start)
    before, after = schedule.counts(start), schedule.counts(stop)
    drawn = ", ".join(f"{name} {after[name] - before[name]:,}" for name in after if after[name] > before[name])
    return (
        f"Step {step:,}: positions {start:,} to {stop - 1:,}, token {amount(schedule.tokens(start))} of the run; phase "
        f"'{phase.name}' ({mix(schedule, phase)}); learning rate {schedule.lr(start):.6g}; batch: {drawn}."
    )


def _window(schedule: Schedule, window: Window) -> Iterator[str]:
    """A window's part of the page."""
    from common.html import page

    source = schedule.sources[window.source]
    yield page.heading(f"{source.name}: sample {window.sample:,}, at position {window.position:,}")
    yield page.note(
        f"{source.path}; {len(window.documents)} documents, {len(window.pictures)} pictures, {window.losses:,} of "
        f"{schedule.seq_len:,} ids bear loss, {window.padding:,} are padding"
    )
    if window.pictures:
        yield page.gallery((uri, f"image {number}") for number, uri in enumerate(window.pictures, 1))
    yield from map(page.spans, window.documents)
    yield page.preformatted("\n".join(_behind(source.path, window.sample)))


def _behind(path: str, sample: int) -> list[str]:
    """Rows behind a sample; why they are not known, where they are not."""
    try:
        from dataprep.commands.why import lines

        return [escaped(line) for line in lines(path, sample)]
    except InputError as error:
        return [f"what is behind it is not known: {error}"]
    except ModuleNotFoundError as error:
        return [f"what is behind it: {error.name} is missing; pip install 'switchpoint[spark]'"]
