"""Measures whole training runs on one GPU, as `train/main.py` makes them: tokens/s, images/s, MFU, peak memory.

    python benchmarks/train_run.py --size 79M --rows 128 --microbatch 32                   # the paper's shapes
    python benchmarks/train_run.py --size 1.4B --rows 32 --microbatch 8 --images 0 0.2     # on an H100 or H200
    python benchmarks/train_run.py --size demo --length 256 --rows 8 --microbatch 4 --steps 4 --encoder small   # a CPU

Data are random windows that are written as dataprep writes them (each is one document, so masks save attention no
work) and read by the real loader; the run has its logs and audit, and no checkpoints. Speed is the median of the steps
of `metrics.jsonl` but for the first ones. MFU counts the decoder's causal attention once and leaves the encoder out;
beside it stands the share with the encoder's products, for runs that have images. The peak is 989 TFLOP/s.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from composer.core import Callback, State  # noqa: E402
from composer.loggers import Logger  # noqa: E402

from benchmarks.windows import ALL, Windows, tokenizer_of  # noqa: E402
from schemas import run_log  # noqa: E402
from schemas.manifest import ImageGeometry  # noqa: E402
from schemas.phases import Source  # noqa: E402
from schemas.schedule import Schedule  # noqa: E402
from train.config.decoder_config import SIZES  # noqa: E402
from train.config.run_config import RunConfig  # noqa: E402
from train.models.cost import H100_BF16, training_flops  # noqa: E402

WARM = 5
"""First steps that are left out, because kernels are compiled and memory is allocated in them."""
ENCODERS: dict[str, dict[str, Any]] = {
    "so400m": {"kind": "siglip", "width": 1152, "layers": 27, "heads": 16},
    "small": {"kind": "siglip", "width": 64, "layers": 2, "heads": 2},
}
GEOMETRIES = {
    "so400m": ImageGeometry(size=384, patch=14, tokens=729),
    "small": ImageGeometry(size=64, patch=16, tokens=16),
}


def encoder_flops(encoder: dict[str, Any], geometry: ImageGeometry, *, trained: bool) -> float:
    """Operations of one image: products of the blocks, attention over all patches; forward, and backward if trained."""
    width, tokens = encoder["width"], geometry.tokens
    block = 2 * (4 + 2 * 4) * width**2 + 4 * width * tokens
    return float(encoder["layers"] * block * tokens * (3 if trained else 1))


class Profile(Callback):
    """Prints where the time of two steps goes, by kernel, on the device and beside it."""

    def __init__(self) -> None:
        self.profiler = torch.profiler.profile()

    def batch_start(self, state: State, logger: Logger) -> None:
        if int(state.timestamp.batch) == WARM + 1:
            self.profiler.start()

    def batch_end(self, state: State, logger: Logger) -> None:
        if int(state.timestamp.batch) == WARM + 3:
            self.profiler.stop()
            averages = self.profiler.key_averages()
            for order in ("self_device_time_total", "self_cpu_time_total"):
                print(averages.table(sort_by=order, row_limit=25, max_name_column_width=90), file=sys.stderr)


def one(args: argparse.Namespace, folder: Path, sources: list[Source], windows: Windows, share: float) -> str:
    """Train with `share` of image windows; returns the table's row."""
    from train.callbacks.checkpointing import Checkpointing
    from train.run.device import choose_device
    from train.run.trainer import build_trainer

    image = round(share * ALL)
    used = [(s, part) for s, part in zip(sources, (ALL - image, image), strict=True) if part]
    phases = [(args.rows * args.steps, [part for _, part in used])]
    schedule: Schedule = windows.schedule([s for s, _ in used], phases, args.rows)
    path, out = folder / f"schedule-{share}.json", folder / f"run-{share}"
    path.write_text(schedule.model_dump_json())
    gpu = torch.cuda.is_available()
    run = RunConfig.model_validate(
        {
            "schedule": path,
            "out": out,
            "model": {"size": args.size, "encoder": {**ENCODERS[args.encoder], "frozen": args.frozen}},
            "microbatch": args.microbatch if args.microbatch == "auto" else int(args.microbatch),
            "precision": "amp_bf16" if gpu else "fp32",
            "compile": args.compile,
            "recompute": args.recompute,
            "loss_chunk": args.loss_chunk,
            "fp8": (gpu or "emulated") if args.fp8 else False,
            "attention": args.attention,
            "fused_gate": args.fused_gate,
            "parallel": {"strategy": "fsdp" if args.fsdp else "ddp"},
            "log_every": 10,
            "workers": args.workers,
        }
    )
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    out.mkdir()
    built = build_trainer(run, schedule, choose_device())
    assert built is not None
    trainer, dataset = built
    # A checkpoint of the last step takes longer than the steps.
    trainer.state.callbacks = [c for c in trainer.state.callbacks if not isinstance(c, Checkpointing)]
    if args.profile:
        trainer.state.callbacks.append(Profile())
    try:
        trainer.fit()
    finally:
        dataset.close()
        trainer.close()
    steps = list(run_log.steps(out / "metrics.jsonl"))[WARM:]
    seconds = statistics.median(step.seconds for step in steps)
    tokens, images = args.rows * args.length, statistics.mean(step.images for step in steps)
    work = tokens * training_flops(SIZES[args.size], windows.tokenizer.embedding_rows, args.length)
    encoding = images * encoder_flops(ENCODERS[args.encoder], GEOMETRIES[args.encoder], trained=not args.frozen)
    claimed = gpu and not args.fp8  # part of the work is then done at another peak
    cells = [
        f"{share:.0%}",
        f"{tokens / seconds:,.0f} ({tokens / max(s.seconds for s in steps):,.0f} to "
        f"{tokens / min(s.seconds for s in steps):,.0f})",
        f"{images / seconds:,.0f}" if images else "",
        f"{work / seconds / H100_BF16:.1%}" if claimed else "none",
        f"{(work + encoding) / seconds / H100_BF16:.1%}" if claimed else "none",
        f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if gpu else "not measured",
        len(steps),
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Makes the data, trains with each share of images and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="79M")
    parser.add_argument("--length", type=int, default=2048, help="tokens of a window (default: 2048)")
    parser.add_argument("--rows", type=int, default=128, help="windows of a step (default: 128)")
    parser.add_argument("--microbatch", default="32", help="windows at a time, or auto (default: 32)")
    parser.add_argument(
        "--images", type=float, nargs="+", default=[0.0], metavar="SHARE", help="image windows; a run each"
    )
    parser.add_argument("--encoder", choices=ENCODERS, default="so400m", help="with random weights")
    parser.add_argument("--frozen", action="store_true", help="do not train the encoder")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--workers", type=int, default=4, help="loader processes (default: 4)")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--loss-chunk", type=int, default=4096, help="tokens whose logits exist at a time (4096)")
    parser.add_argument(
        "--fp8", action="store_true", help="products of blocks in fp8 (a CPU emulates); no MFU is given"
    )
    parser.add_argument(
        "--attention", choices=["flex", "flash"], default="flex", help="kernels of FlexAttention (flex)"
    )
    parser.add_argument("--fused-gate", action="store_true", help="gate and up of a compiled block in one product")
    parser.add_argument("--fsdp", action="store_true", help="FSDP2 instead of DDP")
    parser.add_argument("--profile", action="store_true", help="print where the time of two steps goes")
    args = parser.parse_args()
    windows = Windows(args.length, tokenizer_of(50_277), GEOMETRIES[args.encoder])
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "mosaicml"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        need = args.rows * args.steps
        sources = [
            windows.write(folder / "text", min(need, 4000)),
            windows.write(folder / "pairs", min(max(args.rows, round(need * max(args.images))), 1000), images=True),
        ]
        rows = [one(args, folder, sources, windows, share) for share in args.images]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {card}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
    )
    settings = f"{args.rows} x {args.length} tokens a step, micro-batch {args.microbatch}, loss by {args.loss_chunk}"
    settings += f", attention {args.attention}"
    for flag in ("compile", "recompute", "fp8", "fused_gate", "fsdp", "frozen"):
        settings += f", {flag}" if getattr(args, flag) else ""
    print(f"{args.size}, {settings}, encoder {args.encoder}, {args.workers} loader workers\n")
    print("| image windows | tokens/s (least to most) | images/s | MFU | with the encoder | peak memory | steps |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
