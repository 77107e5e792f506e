"""`remove`: replaces rows of a finished dataset by padding (a takedown)."""

from __future__ import annotations

import argparse
import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataprep.takedown.request import Request

HELP = "replace pairs or conversations by padding (a takedown): by uid, URL or host"
EXAMPLE = """\
Rows of DIR/held_out go as well. Samples keep their numbers, so compiled schedules and running trainings stay valid.
May be killed and started again; without --uid, --url and --host it only finishes what was interrupted.

examples:
  python -m dataprep remove data/pairs --host example.org --dry-run
  python -m dataprep remove data/pairs --uid @requests.txt --note "ticket 17"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("dataset", metavar="DIR", help="a finished dataset of pairs or conversations")
    for name, about in (
        ("uid", "uids of pairs, ids of conversations"),
        ("url", "exact URLs"),
        ("host", "host names, their subdomains included"),
    ):
        parser.add_argument(
            f"--{name}", nargs="+", default=[], metavar="VALUE", help=f"{about}; @FILE: one a line of FILE"
        )
    parser.add_argument("--note", default="", help="for the record in the manifest: a ticket, a reason")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")


def run(options: argparse.Namespace) -> None:
    """Remove, and say what went."""
    from dataprep.engine.dataset import with_held_out
    from dataprep.takedown.request import Request

    request = Request(*(frozenset(_values(given)) for given in (options.uid, options.url, options.host)))
    for dataset in with_held_out(options.dataset):
        _remove(dataset, request, options.note, dry_run=options.dry_run)


def _remove(dataset: str, request: Request, note: str, *, dry_run: bool) -> None:
    from dataprep.takedown.remove import remove

    today = datetime.date.today().isoformat()
    done = remove(dataset, request, date=today, note=note, dry_run=dry_run)
    if not request:
        print(f"{dataset}: nothing was asked for (--uid, --url, --host), and nothing is left unfinished")
        return
    if not done.removed:
        print(f"{dataset}: no row matches; nothing was changed")
        return
    pictures, ids = sum(one.images for one in done.removed), sum(one.tokens for one in done.removed)
    verb = "would be" if dry_run else "were"
    print(
        f"{dataset}: {len(done.removed):,} rows with {pictures:,} images {verb} replaced by {ids:,} padding ids, "
        f"in {len(done.shards):,} of {len(done.manifest.shards):,} shards"
    )
    if not dry_run:
        last = done.manifest.removals[-1]
        print(f"revision {last.revision}; for the next dataset: `banned: {{uids: {last.record[:-5]}.txt}}`")
        print("caches of running trainings (`cache:`) may hold copies of the old shards: clear those too")


def _values(given: list[str]) -> list[str]:
    """`@FILE` stands for the lines of FILE."""
    from dataprep.storage import files, text_list

    found: list[str] = []
    for one in given:
        if one.startswith("@"):
            lines = [line.decode().strip() for line in text_list.read(files.absolute(one[1:]))]
            found += filter(None, lines)
        else:
            found.append(one)
    return found
