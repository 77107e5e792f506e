"""`evaluate`: computes the scores of a checkpoint or an export."""

from __future__ import annotations

import argparse
from pathlib import Path

from common import heartbeat
from common.errors import InputError
from train.commands.scoring_arguments import add_scoring_arguments, scoring_choice

HELP = "score a checkpoint or an export: the paper's tasks from official files, text tasks, held-out loss"
EXAMPLE = """\
Tasks and the official files that each wants in its folder (DATA/TASK, or what TASK=FOLDER names), as the archives
unpack; TASK=FILE names one file where the usual one is not wanted:
  vqav2      *questions.json, *annotations.json, val2014/*.jpg
  gqa        testdev_balanced_questions.json, images/*.jpg
  vizwiz     val.json or Annotations/val.json, val/*.jpg
  textvqa    TextVQA_0.5.1_val.json, train_images/*.jpg
  refcoco    refs(unc).p, instances.json, train2014/*.jpg; likewise refcoco+, and refcocog with refs(umd).p
  ocid_ref   val_expressions.json, ARID20/...
  pope       *pope*_{random,popular,adversarial}.json, val2014/*.jpg
  questions  questions.json: multiple choice, by likelihood
Writes OUT/results.json and OUT/TASK.json with every prediction. Start it again to go on; finished tasks are kept. The
batch size and the number of processes have no influence on the answers.

example:
  python -m train evaluate runs/curriculum --tasks vqav2 gqa pope --data eval -o scores
  python -m train evaluate exported --tasks pope=downloads/POPE/coco --by likelihood --processes 8 -o scores
  python -m train evaluate runs/curriculum --text my_task --text-include tasks/ -o scores      # lm-eval's harness
  python -m train evaluate runs/curriculum --text hellaswag:0 hellaswag:10 -o scores
  python -m train evaluate runs/curriculum --preset paper --data eval -o scores    # the paper's tasks and stable score
  python -m train evaluate runs/curriculum --loss text=data/held-out -o scores
  python -m train evaluate runs/curriculum --tasks questions=world/held_out -o scores
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", type=Path, help="a checkpoint, a run's output directory (its latest), or an export")
    add_scoring_arguments(parser, "--tasks")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder of the results")
    parser.add_argument("--blind", action="store_true", help="leave the images out: what the text alone gives away")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")
    parser.add_argument("--batch-size", type=int, default=16, help="prompts at once (default: 16)")
    parser.add_argument("--processes", type=int, default=1, help="share the items among so many processes")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's own choice")


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print a line for each task."""
    for name in ("batch_size", "processes", "limit", "threads"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError("must be at least 1", field=f"--{name.replace('_', '-')}")
    heartbeat.at("importing torch")
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = scoring_choice(args)
    if not (chosen.tasks or chosen.text or chosen.losses):
        raise InputError("nothing to evaluate", remedy="give --tasks, --text or --loss")
    from train.evaluation.predict import Settings
    from train.evaluation.result_files import write_results
    from train.evaluation.scored_model import open_subject
    from train.evaluation.task_runner import evaluate_tasks
    from train.evaluation.tasks import task_named

    for name, _ in chosen.tasks:
        task_named(name)
    heartbeat.at("reading the model")
    subject = open_subject(args.model, args.tokenizer)
    settings = Settings(
        args.batch_size, args.blind, args.bare, chosen.by, args.limit, chosen.rule, args.box_frame, chosen.only
    )
    found = evaluate_tasks(
        subject, chosen.tasks, args.output, settings, processes=args.processes, tokenizer=args.tokenizer
    )
    if chosen.losses:
        from train.evaluation.held_out_loss import held_out_loss

        for name, dataset in chosen.losses:
            found.append(
                held_out_loss(args.model, name, dataset, args.output, batch_size=args.batch_size, limit=args.limit)
            )
    if chosen.text:
        heartbeat.at("text tasks, by lm-eval")
        from train.evaluation.lm_eval_tasks import evaluate_text

        found += evaluate_text(
            subject, chosen.text, args.output,
            include=args.text_include, shots=args.text_shots, limit=args.limit, batch_size=args.batch_size,
        )  # fmt: skip
    said = {"by": chosen.by, "bare": args.bare, "limit": args.limit, "rule": chosen.rule, "frame": args.box_frame}
    results = write_results(subject, found, args.output, said)
    for one in found:
        more = f" (chance {one.chance:.3f})" if one.higher_is_better else ""
        print(f"{one.task}: {one.metric} {one.score:.4f} +- {one.standard_error:.4f} of {one.items:,}{more}")
    if chosen.preset:
        for half, score in results.presets.get(chosen.preset.name, {}).items():
            print(f"{chosen.preset.name} stable score, {half}: {score:.4f}")
    return 0
