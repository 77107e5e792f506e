"""`export`: writes a checkpoint as a Hugging Face directory."""

from __future__ import annotations

import argparse
from pathlib import Path

from common.errors import InputError
from schemas.results import Results

HELP = "write a checkpoint as a Hugging Face directory (safetensors, config, tokenizer, processor)"
EXAMPLE = """\
Text models become LlamaForCausalLM or Qwen3ForCausalLM, models with a SigLIP tower LlavaForConditionalGeneration: both
load with plain transformers. Other encoders bring their own module (trust_remote_code=True). With --gguf it is one file
for llama.cpp, of the text half: no encoder, no projector. What is written is whole or absent.

example:
  python -m train export runs/curriculum exported
  python -m train export runs/curriculum exported-text --decoder-only      # for text tasks, vLLM
  python -m train export runs/curriculum text.gguf --gguf                  # the same for llama.cpp
  python -m train export runs/curriculum exported --scores scores --licence apache-2.0 --push owner/name
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a run's output directory for its latest")
    parser.add_argument("out", type=Path, metavar="DIR", help="new directory (with --gguf: new file)")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")
    parser.add_argument("--decoder-only", action="store_true", help="leave the image side out")
    parser.add_argument("--gguf", action="store_true", help="write the text half as one GGUF file (extra `gguf`)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the written tensors")
    parser.add_argument("--scores", type=Path, metavar="FOLDER", help="results of `evaluate`, for the model card")
    parser.add_argument("--licence", metavar="ID", help="of the weights, for the model card, as the hub spells it")
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload to this repository of the hub (HF_TOKEN)")
    parser.add_argument("--private", action="store_true", help="make that repository a private one, if it is new")


def run(args: argparse.Namespace) -> int:
    """Export, upload if asked, and say as what."""
    if args.private and not args.push:
        raise InputError("has no effect without --push", field="--private")
    if args.gguf:
        return _run_gguf(args)
    from train.export.export_folder import export

    scores = scores_of(args.scores, args.checkpoint) if args.scores else None
    if args.push:
        from common.hub_upload import open_repository

        open_repository(args.push, private=args.private)
    told = export(
        args.checkpoint, args.out, tokenizer=args.tokenizer, decoder_only=args.decoder_only, dtype=args.dtype,
        scores=scores, licence=args.licence,
    )  # fmt: skip
    print(f"{args.out}: {told.architecture}, {told.dtype}, at sample {told.position:,}")
    if args.push:
        from common.hub_upload import upload

        print(upload(args.out, args.push, f"Sample {told.position:,} of schedule {told.schedule[:12]}"))
    return 0


def _run_gguf(args: argparse.Namespace) -> int:
    for name in ("scores", "push"):
        if getattr(args, name):
            raise InputError("does not go with --gguf, which writes a file alone", field=f"--{name}")
    from train.export.gguf_file import export_gguf

    told = export_gguf(args.checkpoint, args.out, tokenizer=args.tokenizer, dtype=args.dtype, licence=args.licence)
    what = f"{told.architecture}, {told.dtype}, at sample {told.position:,}"
    print(f"{args.out}: {what}; the text half alone, without encoder and projector")
    return 0


def scores_of(folder: Path, checkpoint: Path) -> Results:
    """The results in `folder`, which must be the checkpoint's.

    Raises:
        InputError: there are none, or another model's.
    """
    from train.checkpoint.folder import find
    from train.evaluation.scored_model import weights_digest

    results = Results.load(folder)
    if results.model.digest != weights_digest(find(checkpoint), "model"):
        remedy = "evaluate this checkpoint itself (an export of it has equal scores, but other files)"
        raise InputError("these are scores of another model", file=folder, field="--scores", remedy=remedy)
    return results
