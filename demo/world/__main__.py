"""`python -m demo.world OUT`: make the sample world."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from common.errors import InputError, exit_code
from demo.world.build import build
from demo.world.world import Options

_DESCRIPTION = """\
Make a small world of coloured shapes in the file formats of the real releases:

  OUT/text/           documents, as DCLM-baseline ships them (.jsonl.zst)
  OUT/pairs/          image-caption pairs: DataComp metadata (Parquet) and DataComp-DR tars, to be joined on uid
  OUT/images/         the pictures behind the pairs' URLs; serve them with 'python -m demo.world.server OUT'
  OUT/conversations/  visual instructions, as LLaVA-v1.5 ships them, with their pictures
  OUT/held_out/       questions, pictures and documents that nothing else contains
  OUT/tokenizer/      a byte-level BPE of 1,024 tokens
  OUT/world.json      options, counts and every planted defect

Equal options give byte-identical files. If OUT is that world already, nothing is done.
"""


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def main() -> int:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.world", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="directory to make; must not exist, or be empty")
    for name, field in Options.model_fields.items():
        text = f"{(field.description or '').rstrip('.')} (default: {field.default:,})".replace("%", "%%")
        parser.add_argument(_flag(name), type=int, default=field.default, metavar="N", help=text)
    parser.add_argument("--port", type=int, metavar="N", help="port of the image URLs (default: a free one)")
    values = vars(parser.parse_args())
    out, port = values.pop("out"), values.pop("port")
    if port is not None and not 1024 <= port <= 65_535:
        raise InputError(f"no such port: {port}", field="--port", remedy="give one from 1024 to 65535")
    try:
        options = Options(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(first["msg"], field=_flag(str(first["loc"][0])), remedy="see --help") from None
    started = time.monotonic()
    world = build(out, options, port)
    if world is None:
        print(f"{out} is that world already; nothing to do")
        return 0
    counts = world.counts
    print(
        f"{out}: {counts.documents:,} documents, {options.scenes:,} pairs, {counts.conversations:,} conversations,"
        f" {counts.held_out_questions:,} held-out questions in {time.monotonic() - started:.0f} s;"
        f" next: python -m demo.world.server {out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
