"""`python -m train`: what is done with checkpoints. Training itself is `composer -n N train/main.py RUN.yaml`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from schemas.errors import exit_code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    evaluate = commands.add_parser("evaluate", help="answer multiple-choice questions by likelihood")
    evaluate.add_argument("checkpoint", type=Path, help="a checkpoint, or a run's output directory for its latest")
    evaluate.add_argument("--questions", type=Path, required=True, metavar="FILE.json")
    evaluate.add_argument("-o", "--output", type=Path, required=True, metavar="RESULTS.json")
    evaluate.add_argument("--blind", action="store_true", help="leave the images out: what the text alone gives away")
    evaluate.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")
    evaluate.add_argument("--batch-size", type=int, default=64, help="prompts at once; has no influence on scores")
    evaluate.add_argument("--threads", type=int, help="CPU threads; default: torch's own choice")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit status."""
    options = parse(arguments)
    import torch  # after --help and its errors: imports take seconds

    from train.evaluation.evaluate import evaluate, write

    if options.threads:
        torch.set_num_threads(options.threads)
    scores = evaluate(
        options.checkpoint,
        options.questions,
        tokenizer=options.tokenizer,
        blind=options.blind,
        batch_size=options.batch_size,
    )
    write(scores, options.output)
    kinds = ", ".join(f"{kind} {group.accuracy:.1%}" for kind, group in scores.by_kind.items())
    print(f"{scores.accuracy:.1%} of {scores.questions} (chance {scores.chance:.1%}): {kinds}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(main))
