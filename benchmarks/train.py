"""Measures a training step of ours beside plain Hugging Face Llama and Llava (SDPA), in one run.

    python benchmarks/train.py                                  # CPU: a small model; about two minutes
    python benchmarks/train.py --size 1.4B --compile            # on an H100 or H200: the paper's shapes at 2,048 tokens

The report is Markdown. A step is forward, backward, clipping and AdamW on one cached batch. Both sides have the same
shapes, vocabulary, batch, precision and threads; Hugging Face's packs leak into each other (it has no document mask),
ours do not, unless the row says so. The cases take turns step by step, a row is the median; peak memory is that of a
process of its own. (On a GPU all cases are in memory at once: 1.4B needs `--rows 1` on 80 GB.) MFU counts causal
attention once and takes 989 TFLOP/s for the card's peak; the frozen encoder's work is not counted. The last rows
compare steps fed by the real loader with steps on a cached batch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from benchmarks.windows import ALL, Windows, tokenizer_of  # noqa: E402
from schemas.manifest import ImageGeometry  # noqa: E402
from schemas.schedule import Schedule  # noqa: E402
from train.config.decoder_config import SIZES, DecoderConfig  # noqa: E402
from train.config.encoder_config import EncoderConfig  # noqa: E402
from train.loader.rows.batch import Batch  # noqa: E402
from train.loader.rows.collate import collate  # noqa: E402
from train.loader.rows.decode import Row  # noqa: E402
from train.models.cost import H100_BF16, training_flops  # noqa: E402
from train.models.vlm import VisionLanguageModel  # noqa: E402

SMALL = DecoderConfig(family="llama", width=256, layers=4, heads=4, kv_heads=4, head_width=64, mlp_width=768)
ENCODER = {"cpu": EncoderConfig(kind="siglip", width=64, layers=2, heads=2, frozen=True)}
ENCODER["cuda"] = EncoderConfig(kind="siglip", width=1152, layers=27, heads=16, frozen=True)
CASES = ("ours", "ours, packs leak", "Hugging Face", "ours, images", "Hugging Face, images")


class Setting:
    """Holds the shapes, the batch and the device of a measurement."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        base = SMALL if args.size == "small" else SIZES[args.size].model_copy(update={"family": "llama"})
        self.decoder = base
        self.length = args.length or (512 if args.size == "small" else 2048)
        self.rows = args.rows
        ids = 8191 if args.size == "small" else 50_277
        self.tokenizer = tokenizer_of(ids)
        self.geometry = ImageGeometry(size=64, patch=16, tokens=16)
        if self.device == "cuda":
            self.geometry = ImageGeometry(size=384, patch=14, tokens=729)
        self.share, self.compile, self.steps = args.images, args.compile, args.steps

    @property
    def vocabulary(self) -> int:
        return self.tokenizer.embedding_rows

    def batch(self, *, images: bool) -> Batch:
        """Random rows of documents of about 200 tokens; with `images`, that share of rows holds as many as fit."""
        rng, rows = np.random.default_rng(0), []
        for number in range(self.rows):
            tokens = rng.integers(2, self.tokenizer.vocabulary_size, self.length)
            tokens[rng.integers(0, self.length, self.length // 200)] = 0
            count = 0
            if images and number < max(1, round(self.share * self.rows)):
                step = self.geometry.tokens + 24
                count = self.length // step
                for place in range(count):
                    tokens[place * step : place * step + self.geometry.tokens] = self.tokenizer.image_id
            labels = np.full(self.length, -100)
            labels[:-1] = np.where(tokens[1:] == self.tokenizer.image_id, -100, tokens[1:])
            side = self.geometry.size
            pixels = rng.integers(0, 256, (count, 3, side, side), np.uint8)
            rows.append(Row(tokens, labels, pixels, self.length, 0))
        return collate(rows)


def ours(setting: Setting, *, images: bool, leak: bool) -> tuple[torch.nn.Module, Callable[[Any], torch.Tensor]]:
    """Our model and its loss of a batch."""
    geometry = setting.geometry if images else None
    encoder = ENCODER[setting.device]
    model = VisionLanguageModel(
        setting.decoder, setting.tokenizer, encoder, geometry, z_loss=1e-4, mask_documents=not leak
    )
    if setting.compile:
        for block in model.blocks():
            block.compile()
    return model, lambda batch: model(batch).loss


def theirs(setting: Setting, *, images: bool) -> tuple[torch.nn.Module, Callable[[Any], torch.Tensor]]:
    """Hugging Face's model of the same shapes and its loss of a batch."""
    from transformers import LlamaConfig, LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration

    shape = setting.decoder
    text = LlamaConfig(
        vocab_size=setting.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_width,
        attn_implementation="sdpa",
    )
    if not images:
        llama = LlamaForCausalLM(text)
        if setting.compile:
            llama.compile()
        return llama, lambda batch: llama(input_ids=batch["input_ids"], labels=batch["hf_labels"], use_cache=False).loss
    from train.models.towers import SiglipEncoder, normalise

    tower = SiglipEncoder(ENCODER[setting.device], setting.geometry).tower
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=text,
        image_token_id=setting.tokenizer.image_id,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        attn_implementation="sdpa",
    )
    llava = LlavaForConditionalGeneration(config)
    llava.model.vision_tower.requires_grad_(False)

    def loss(batch: Any) -> torch.Tensor:
        pixels = normalise(batch["pixels"])
        return llava(input_ids=batch["input_ids"], pixel_values=pixels, labels=batch["hf_labels"], use_cache=False).loss  # type: ignore[no-any-return]

    return llava, loss


def placed(batch: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Put the tensors of a batch on a device."""
    return {name: part.to(device) if isinstance(part, torch.Tensor) else part for name, part in batch.items()}


def prepared(setting: Setting, case: str) -> Callable[[], None]:
    """One step of a case on its cached batch."""
    images = "images" in case
    torch.manual_seed(0)
    if case.startswith("Hugging"):
        model, loss = theirs(setting, images=images)
    else:
        model, loss = ours(setting, images=images, leak="leak" in case)
    model.to(setting.device)
    cached = setting.batch(images=images)
    batch = placed(cached, setting.device)
    # Hugging Face shifts labels by itself: give it the ids, with image placeholders left out as ours has them.
    batch["hf_labels"] = batch["input_ids"].masked_fill(batch["input_ids"] == setting.tokenizer.image_id, -100)
    step = stepper(model, loss, setting)
    return lambda: step(batch)


def speed(setting: Setting) -> dict[str, float]:
    """Median seconds of a step of each case; the cases take turns step by step, so what else runs slows all alike."""
    steps = {case: prepared(setting, case) for case in CASES}
    wait = torch.cuda.synchronize if setting.device == "cuda" else (lambda: None)
    times: dict[str, list[float]] = {case: [] for case in CASES}
    for number in range(setting.steps + 2):
        for case, step in steps.items():
            wait()
            began = time.perf_counter()
            step()
            wait()
            if number >= 2:  # two to warm up
                times[case].append(time.perf_counter() - began)
    return {case: statistics.median(found) for case, found in times.items()}


def peak(setting: Setting, case: str) -> dict[str, float]:
    """Peak memory of three steps, in a process that does nothing else; without what its imports take."""
    before = _peak_bytes()
    step = prepared(setting, case)
    for _ in range(3):
        step()
    if setting.device == "cuda":
        return {"bytes": float(torch.cuda.max_memory_allocated())}
    return {"bytes": _peak_bytes() - before}


def _peak_bytes() -> float:
    """Peak resident memory of this process since it began; `ru_maxrss` would begin with what its parent had."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024.0


def stepper(model: torch.nn.Module, loss: Callable[[Any], torch.Tensor], setting: Setting) -> Callable[[Any], None]:
    """One optimizer step on a batch."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=setting.device == "cuda")

    def step(batch: Any) -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=setting.device == "cuda"):
            value = loss(batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def loader(setting: Setting) -> dict[str, float]:
    """Seconds of a step fed by the real loader and on a cached batch, taking turns step by step."""
    from train.loader.data_loader import ScheduleLoader
    from train.loader.dataset import ScheduleDataset

    model, loss = ours(setting, images=False, leak=False)
    model.to(setting.device)
    step = stepper(model, loss, setting)
    with tempfile.TemporaryDirectory() as folder:
        dataset = ScheduleDataset(text_for_ever(Path(folder) / "text", setting), setting.rows, cache=f"{folder}/cache")
        batches = iter(ScheduleLoader(dataset, 0))
        cached = next(batches)
        fed, alone = [], []
        for _ in range(2):
            step(cached)
        for _ in range(setting.steps):
            began = time.perf_counter()
            step(placed(next(batches), setting.device))
            middle = time.perf_counter()
            step(placed(cached, setting.device))
            fed.append(middle - began)
            alone.append(time.perf_counter() - middle)
        dataset.close()
    return {"fed": statistics.median(fed), "cached": statistics.median(alone), "steps": len(fed)}


def text_for_ever(folder: Path, setting: Setting) -> Schedule:
    """A dataset of random windows, and a schedule that draws from it for ever."""
    windows = Windows(setting.length, setting.tokenizer)
    return windows.schedule([windows.write(folder, 2000)], [(10**9, [ALL])], setting.rows)


def report(setting: Setting, args: argparse.Namespace, found: dict[str, dict[str, float]]) -> None:
    """Prints the tables as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "mosaicml"))
    card = torch.cuda.get_device_name() if setting.device == "cuda" else f"CPU, {args.threads} thread(s)"
    print(f"## A training step, {card}\n")
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {packages}, {os.cpu_count()} cores,")
    print(f"load average {os.getloadavg()[0]:.0f};")
    parameters = setting.decoder.parameters(setting.vocabulary)
    print(
        f"decoder `{args.size}` ({parameters:,} parameters, llama), {setting.rows} x {setting.length} tokens, "
        f"{setting.share:.0%} of rows with images where images are, median of {setting.steps} steps.\n"
    )
    work = training_flops(setting.decoder, setting.vocabulary, setting.length)
    print("| case | tokens/s | against Hugging Face | peak memory | MFU |\n|---|---|---|---|---|")
    for case, seconds in found["speed"].items():
        rate = setting.rows * setting.length / seconds
        base = found["speed"]["Hugging Face, images" if "images" in case else "Hugging Face"]
        mfu = f"{rate * work / H100_BF16:.1%}" if setting.device == "cuda" else "not measured"
        memory = f"{found[case]['bytes'] / 1e6:,.0f} MB" if case in found else "not measured"
        print(f"| {case} | {rate:,.0f} | {base / seconds:.2f} x | {memory} | {mfu} |")
    run = found["loader"]
    excess = run["fed"] / run["cached"] - 1
    print(f"\nFed by the loader (no workers): {run['fed']:.4f} s a step; on a cached batch: {run['cached']:.4f} s")
    print(f"({excess:+.1%}, median of {run['steps']:.0f} steps of each, taking turns).")
    if setting.device == "cpu":
        print("\n| GPU | 79M | 1.4B |\n|---|---|---|\n| tokens/s, MFU, peak memory | not measured | not measured |")


def main() -> int:
    """Measures all cases, or one part of them in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", *SIZES], default="small")
    parser.add_argument("--length", type=int, help="tokens of a row; default: 512 for small, else 2048")
    parser.add_argument("--rows", type=int, default=4, help="rows of a step (default: 4)")
    parser.add_argument("--images", type=float, default=0.25, help="share of rows with images (default: 0.25)")
    parser.add_argument("--compile", action="store_true", help="compile blocks (ours) and model (Hugging Face's Llama)")
    parser.add_argument("--steps", type=int, default=15, help="of each case (default: 15)")
    parser.add_argument("--no-memory", action="store_true", help="leave the processes out that measure peak memory")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    setting = Setting(args)
    if args.part:
        print(json.dumps(peak(setting, args.part)))
        return 0
    found: dict[str, dict[str, float]] = {"speed": speed(setting), "loader": loader(setting)}
    for case in () if args.no_memory else CASES:
        command = [sys.executable, __file__, *sys.argv[1:], "--part", case]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return 1
        found[case] = json.loads(done.stdout.splitlines()[-1])
    report(setting, args, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
