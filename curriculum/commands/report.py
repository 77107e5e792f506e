"""`report`: draws a trained and scored sweep as the paper's figures."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "draw a sweep's scores: figures with intervals, the paper's orderings, every run and its realised mix"
EXAMPLE = """\
Reads SWEEP/sweep.json, SWEEP/nodes/*/out/metrics.jsonl and SWEEP/nodes/*/scores/results.json, as far as they are there;
writes one self-contained HTML page and the figures as SVG beside it. docs/evaluation.md has the formula of the scores.

example:
  python -m curriculum report runs/switch-point                   # runs/switch-point/report.html
The stable score over the paper's fixed tasks, where `train sweep --preset paper` has scored all of them:
  python -m curriculum report runs/switch-point --preset paper
A part of a large sweep, one of its figures:
  python -m curriculum report runs/grid --where switch=80% --where instruction_part=0% -o runs/grid/fig-5/report.html
What shared trunks save, checked on two runs that share nothing:
  python -m curriculum sweep switch-point.yaml --alone --runs 2 -o runs/alone && bash runs/alone/launch.sh
  python -m curriculum report runs/switch-point --alone runs/alone
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP", help="folder that `sweep -o` wrote")
    parser.add_argument(
        "--alone", type=Path, metavar="FOLDER", help="runs of the same sweep that `sweep --alone` wrote, trained"
    )
    parser.add_argument("-o", "--output", type=Path, help="default: SWEEP/report.html")
    parser.add_argument(
        "--axis", action="append", default=[], metavar="NAME", help="a parameter to draw, beside the known"
    )
    parser.add_argument(
        "--where", action="append", default=[], metavar="NAME=VALUE[,VALUE]", help="draw runs with these settings alone"
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="stable scores over a preset's tasks (`paper`); default: over all tasks",
    )


def run(args: argparse.Namespace) -> int:
    """Read, analyse, draw, say the verdicts."""
    from curriculum.sweep_report.analysis import analyse
    from curriculum.sweep_report.page import NO_SIGNAL, no_signal, remarks, summary, write
    from curriculum.sweep_report.paper_findings import orderings
    from curriculum.sweep_report.read_runs import read
    from curriculum.sweep_report.registration import departures, sentence
    from curriculum.sweep_report.shared_trunks import sharing
    from schemas.score_preset import preset_named

    preset = preset_named(args.preset) if args.preset else None
    sweep = read(args.sweep)
    shared = sharing(sweep, read(args.alone) if args.alone else None)
    analysis = analyse(sweep.only(args.where), args.axis, preset)
    out = args.output or args.sweep / "report.html"
    write(analysis, shared, out)
    print(summary(analysis, shared))
    if args.alone and shared.alone is None:
        print(f"{args.alone} is not compared: no run there and here is trained to its end, or the sweep is not yet")
    for remark in remarks(analysis):
        print(remark)
    if no_signal(analysis):
        print(NO_SIGNAL)
    tried = orderings(analysis)
    if (found := departures(analysis, tried)) is not None:
        print(sentence(found))
    for one in tried:
        print(one.sentence)
    print(f"wrote {out}")
    return 0
