"""`cost`: computes what a model costs to train, by arithmetic, before anything is started."""

from __future__ import annotations

import argparse

from common.errors import InputError

HELP = "operations and GPU memory of a model, by arithmetic: which micro-batch, how many GPUs, how many days"
EXAMPLE = """\
Operations are counted once, causal attention at half of its square; memory is that of bf16 with fp32 masters and AdamW.
With several GPUs, `exchange` is what gradients are exchanged in: DDP's buckets, or gradients that FSDP adds up whole.
`fp8 takes` is the share of the operations that `fp8: true` makes in 8 bits; speed and days are those of bf16.
Images cost their tokens here; an encoder comes on top (SigLIP-so400m: 0.6 TFLOP an image forward, 1.7 GB of weights).

example:
  python -m train cost                                            # every size, on one GPU and on eight
  python -m train cost --size 7B --gpus 64 --shards 8 --microbatch 4 --recompute --tokens 1e12 --mfu 0.45
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--size", help="one size (79M, 1.4B, 7B, demo); default: all")
    parser.add_argument("--length", type=int, default=2048, help="tokens of a sequence (default: 2048)")
    parser.add_argument("--vocabulary", type=int, default=50_432, help="embedding rows (default: 50432)")
    parser.add_argument("--microbatch", type=int, default=8, help="sequences of a GPU at a time (default: 8)")
    parser.add_argument("--shards", type=int, default=1, help="GPUs that share a copy (FSDP); default: 1 (DDP)")
    parser.add_argument("--recompute", action="store_true", help="activation checkpointing")
    parser.add_argument("--gpus", type=int, default=8, help="of the run: for its days, and DDP's buckets (default: 8)")
    parser.add_argument("--tokens", type=float, default=28e9, help="to train on (default: 28e9, as stage 2)")
    parser.add_argument("--mfu", type=float, default=0.4, help="share of 989 TFLOP/s a GPU (default: 0.4)")


def run(args: argparse.Namespace) -> int:
    """Print one line for each size."""
    from train.config.decoder_config import SIZES, decoder_of
    from train.models.cost import H100_BF16, fp8_share, memory, training_flops

    for name in ("length", "vocabulary", "microbatch", "shards", "gpus", "tokens", "mfu"):
        if getattr(args, name) <= 0:
            raise InputError("must be above 0", field=f"--{name}")
    print(
        f"{'size':>5} {'parameters':>11} {'GFLOP/token':>12} {'fp8 takes':>9} {'tokens/s/GPU':>13} {'days':>8}   "
        f"{'weights':>8} {'gradients':>10} {'AdamW':>7} {'activations':>12} {'logits':>7} {'exchange':>9} "
        f"{'sum, GB':>8}"
    )
    for size in [args.size] if args.size else [name for name in SIZES if name != "demo"]:
        shape = decoder_of(size)
        work = training_flops(shape, args.vocabulary, args.length)
        speed = args.mfu * H100_BF16 / work
        share = fp8_share(shape, args.vocabulary, args.length)
        days = args.tokens / (speed * args.gpus) / 86_400
        need = memory(
            shape,
            args.vocabulary,
            args.length,
            microbatch=args.microbatch,
            shards=args.shards,
            ranks=args.gpus,
            recompute=args.recompute,
        )
        weights, gradients, optimizer, activations, logits, exchange = (part / 1e9 for part in need)
        print(
            f"{size:>5} {shape.parameters(args.vocabulary):>11,} {work / 1e9:>12.3g} {share:>9.0%} {speed:>13,.0f} "
            f"{days:>8.3g}   "
            f"{weights:>8.1f} {gradients:>10.1f} {optimizer:>7.1f} {activations:>12.1f} {logits:>7.1f} "
            f"{exchange:>9.1f} {need.total / 1e9:>8.1f}"
        )
    return 0
