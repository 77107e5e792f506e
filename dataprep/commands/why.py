"""`why`: names the rows behind samples of a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from common.printable import escaped

HELP = "name the documents, pairs or conversations behind samples"
EXAMPLE = """\
Of what the job has held out: name DIR/held_out. `python -m curriculum explain` names the samples of a training step.

example:
  python -m dataprep why data/text 0 17
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", metavar="DIR", help="a finished dataset")
    parser.add_argument("samples", metavar="SAMPLE", type=int, nargs="+", help="sample numbers, from 0")


def run(options: argparse.Namespace) -> None:
    """Print a line for each row, below a heading for each sample where there are several."""
    for sample in options.samples:
        if len(options.samples) > 1:
            print(f"sample {sample}")
        for line in lines(options.dataset, sample):
            print(escaped(line))


def lines(dataset: str, sample: int) -> list[str]:
    """A line for each row behind a sample."""
    from dataprep.engine.dataset import load_manifest
    from dataprep.provenance import row_parts, why
    from dataprep.storage import files

    if load_manifest(files.absolute(dataset)).kind == "text":
        return [
            f"ids {part.start}-{part.stop - 1}: {part.input}:{part.line}  {_named(part.fields)}"
            for part in why.why(dataset, sample)
        ]
    found = []
    for row in row_parts.why(dataset, sample):
        start, length = row.pop("start"), row.pop("tokens")
        found.append(f"ids {start}-{start + length - 1}: {_named(row)}")
    return found


def _named(fields: Mapping[str, object]) -> str:
    return "  ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
