"""`python -m dataprep`: look at a job before it runs and at a dataset after; nothing here needs Spark.

plan JOB.yaml        bytes, estimated tokens, padding, core-hours and shards, from a sample of the inputs
verify DIR           re-hash every shard, count every id, compare with the manifest
why DIR SAMPLE       the documents, pairs or conversations behind a sample
remove DIR --uid ... replace rows by padding (takedown): by uid, URL or host; schedules stay valid
sweep-orphans DIR    remove what killed attempts left beside a finished dataset
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from common import yaml_file
from common.errors import exit_code
from dataprep import verify
from dataprep.conversations import estimate as conversations_estimate
from dataprep.conversations.config import ConversationsJob
from dataprep.engine import commit
from dataprep.engine import dataset as engine_dataset
from dataprep.pairs import estimate as pairs_estimate
from dataprep.pairs.config import PairsJob
from dataprep.provenance import row_parts, why
from dataprep.storage import files
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from dataprep.text import estimate
from dataprep.text.config import TextJob


def main(arguments: list[str]) -> int:
    """Run the command; exit status 2 for a user's mistake, 1 for a dataset that does not verify."""
    parser = argparse.ArgumentParser(
        prog="python -m dataprep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "plan", _plan, "estimate a job (text, pairs, conversations) from a sample of its inputs", "JOB.yaml")
    _add(commands, "verify", _verify, "check a dataset against its manifest", "DIR")
    _add(commands, "why", _why, "the documents, pairs or conversations behind samples", "DIR", "SAMPLE")
    _add(commands, "sweep-orphans", _sweep, "remove staging files of a finished dataset", "DIR")
    _add_remove(commands)
    options = vars(parser.parse_args(arguments))
    run: Callable[..., int | None] = options.pop("run")
    return exit_code(lambda: run(*options.values()))


def _add(commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, *about: str) -> None:
    command = commands.add_parser(name, help=about[0], description=about[0])
    for argument in about[1:]:
        if argument == "SAMPLE":
            command.add_argument(argument, type=int, nargs="+")
        else:
            command.add_argument(argument)
    command.set_defaults(run=run)


def _add_remove(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "remove",
        help="replace rows by padding: a takedown",
        description="Replace pairs or conversations by padding. Samples keep their numbers, so compiled schedules and "
        "running trainings stay valid. May be killed and started again; without --uid, --url and --host it only "
        "finishes what was interrupted.",
    )
    command.add_argument("DIR")
    for name, about in (
        ("uid", "uids of pairs, ids of conversations"),
        ("url", "exact URLs"),
        ("host", "host names, their subdomains included"),
    ):
        command.add_argument(
            f"--{name}", nargs="+", default=[], metavar="VALUE", help=f"{about}; @FILE: one a line of FILE"
        )
    command.add_argument("--note", default="", help="for the record in the manifest: a ticket, a reason")
    command.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")
    command.set_defaults(run=_remove)


def _remove(dataset: str, uid: list[str], url: list[str], host: list[str], note: str, dry_run: bool) -> None:
    request = Request(*(frozenset(_values(given)) for given in (uid, url, host)))
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
    found = []
    for one in given:
        if one.startswith("@"):
            lines = files.read_bytes(files.absolute(one[1:])).decode().splitlines()
            found += [line.strip() for line in lines if line.strip()]
        else:
            found.append(one)
    return found


def _plan(job: str) -> None:
    keys, _ = yaml_file.compose(job)
    if not isinstance(keys, dict):
        keys = {}
    if "image_root" in keys:
        print(conversations_estimate.describe(yaml_file.load(job, ConversationsJob)))
    elif "geometry" in keys:
        print(pairs_estimate.describe(yaml_file.load(job, PairsJob)))
    else:
        print(estimate.describe(yaml_file.load(job, TextJob)))


def _verify(dataset: str) -> int:
    manifest, problems = verify.verify(dataset)
    for problem in problems[:20]:
        print(problem)
    if problems:
        print(f"{dataset}: {len(problems)} problems")
        return 1
    tokens = manifest.tokens
    print(
        f"{dataset}: sound: {len(manifest.shards):,} shards, {manifest.samples:,} samples, {tokens.total:,} ids "
        f"({tokens.text:,} text, {tokens.caption:,} caption, {tokens.visual:,} visual, {tokens.pad:,} pad), "
        f"{manifest.rows.written:,} of {manifest.rows.read:,} rows"
    )
    return 0


def _why(dataset: str, samples: list[int]) -> None:
    kind = engine_dataset.load_manifest(files.absolute(dataset)).kind
    for sample in samples:
        if len(samples) > 1:
            print(f"sample {sample}")
        for place, fields in _text_parts(dataset, sample) if kind == "text" else _row_parts(dataset, sample):
            print(f"{place}  " + "  ".join(f"{name}={value}" for name, value in fields.items() if value is not None))


def _text_parts(dataset: str, sample: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in why.why(dataset, sample):
        yield f"ids {one.start}-{one.stop - 1}: {one.input}:{one.line}", one.fields


def _row_parts(dataset: str, sample: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for row in row_parts.why(dataset, sample):
        start, length = row.pop("start"), row.pop("tokens")
        yield f"ids {start}-{start + length - 1}:", row


def _sweep(dataset: str) -> None:
    engine_dataset.load_manifest(files.absolute(dataset))
    removed = commit.sweep(files.absolute(dataset))
    print(f"{dataset}: {len(removed)} files removed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
