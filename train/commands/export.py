"""`export`: a checkpoint as a Hugging Face directory."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write a checkpoint as a Hugging Face directory (safetensors, config, tokenizer, processor)"
EXAMPLE = """\
Text models become LlamaForCausalLM or Qwen3ForCausalLM, models with a SigLIP tower LlavaForConditionalGeneration: both
load with plain transformers. Other encoders bring their own module (trust_remote_code=True). DIR is whole or absent.

example:
  python -m train export runs/curriculum exported
  python -m train export runs/curriculum exported-text --decoder-only      # for text tasks, vLLM, llama.cpp
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a run's output directory for its latest")
    parser.add_argument("out", type=Path, metavar="DIR", help="new directory")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")
    parser.add_argument("--decoder-only", action="store_true", help="leave the image side out")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the written tensors")


def run(args: argparse.Namespace) -> int:
    """Export and say as what."""
    from train.export.export_folder import export

    told = export(args.checkpoint, args.out, tokenizer=args.tokenizer, decoder_only=args.decoder_only, dtype=args.dtype)
    print(f"{args.out}: {told.architecture}, {told.dtype}, at sample {told.position:,}")
    return 0
