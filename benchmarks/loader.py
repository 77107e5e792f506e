"""The loader, side by side with the stock `StreamingDataset`, in one run on the same shards.

    python benchmarks/loader.py [rate] [start] [switch] [decode] [--work DIR] [--small] [--simplejpeg DIR]

    rate    rows a second with 0 and 2 workers: text windows of 2,048 ids, and image windows; both sides decode and
            collate with the same functions, so that what differs is how rows are found and shards are kept
    start   time to the first batch and memory, at 20 M and 2 x 10^9 samples: an index of that size, shard files present
            where they are read. Stock is measured at 2 M and 20 M and extrapolated along the line through the two
    switch  longest step at a switch of sources when the remote is throttled: with look-ahead, without, and with a stock
            dataset that is made at the switch
    decode  libraries that decode and resize an image

Measurements of `start` and `switch` are taken in processes of their own.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import psutil  # noqa: E402
import torch  # noqa: E402
import xxhash  # noqa: E402
from PIL import Image  # noqa: E402
from streaming import MDSWriter, StreamingDataset  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from schemas.learning_rate import Piece  # noqa: E402
from schemas.manifest import ImageGeometry, Manifest, Rows, ShardReceipt, TokenCounts, TokenizerIdentity  # noqa: E402
from schemas.schedule import Phase, Schedule, Source  # noqa: E402
from train.loader.collate import collate  # noqa: E402
from train.loader.data_loader import ScheduleLoader  # noqa: E402
from train.loader.dataset import ScheduleDataset  # noqa: E402
from train.loader.decode import decode_image, decode_row  # noqa: E402

SEQ_LEN = 2048
TOKENIZER = TokenizerIdentity(digest="0", vocabulary_size=50_277, end_of_text_id=0, pad_id=1, image_id=50_277)
GEOMETRY = ImageGeometry(size=224, patch=16, tokens=196)
IMAGES = 4
"""In an image window."""
ALL = 1_000_000_000
SHARD_SAMPLES = 16_384
"""Of a shard of 64 MiB, as `start` has them."""


def write(folder: Path, kind: str, samples: int, shard_bytes: int, seed: int) -> Source:
    """An MDS dataset with its manifest."""
    rng, columns = np.random.default_rng(seed), {"tokens": f"ndarray:uint16:{SEQ_LEN}"}
    if kind == "pairs":
        columns |= {"images": "bytes", "image_lengths": "ndarray:uint32"}
    pool = [jpeg(rng) for _ in range(64)]
    with MDSWriter(out=str(folder), columns=columns, size_limit=shard_bytes) as writer:
        for _ in range(samples):
            tokens = rng.integers(2, 50_000, SEQ_LEN).astype(np.uint16)
            row: dict[str, Any] = {"tokens": tokens}
            if kind == "pairs":
                images = [pool[i] for i in rng.integers(0, len(pool), IMAGES)]
                for place in range(IMAGES):
                    tokens[place * 300 : place * 300 + GEOMETRY.tokens] = TOKENIZER.image_id
                row |= {"images": b"".join(images), "image_lengths": np.array([len(i) for i in images], np.uint32)}
            writer.write(row)
    shards = json.loads((folder / "index.json").read_text())["shards"]
    receipts = []
    for shard in shards:
        name = shard["raw_data"]["basename"]
        digest = xxhash.xxh3_64_hexdigest((folder / name).read_bytes())
        size = shard["raw_data"]["bytes"]
        receipts.append(ShardReceipt(name=name, samples=shard["samples"], bytes=size, digest=digest))
    return publish(folder, kind, receipts)


def publish(folder: Path, kind: str, receipts: list[ShardReceipt]) -> Source:
    """Write the manifest; returns the schedule's entry."""
    samples = sum(receipt.samples for receipt in receipts)
    manifest = Manifest(
        kind=kind,  # type: ignore[arg-type]
        plan="benchmark",
        seed=0,
        seq_len=SEQ_LEN,
        samples=samples,
        tokens=TokenCounts(text=samples * SEQ_LEN),
        tokenizer=TOKENIZER,
        geometry=GEOMETRY if kind == "pairs" else None,
        rows=Rows(read=samples, written=samples),
        inputs=[],
        shards=receipts,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    runs: list[tuple[int, int]] = []
    for receipt in receipts:
        if runs and runs[-1][0] == receipt.samples:
            runs[-1] = (receipt.samples, runs[-1][1] + 1)
        else:
            runs.append((receipt.samples, 1))
    return Source(
        name=folder.name,
        path=str(folder),
        content=manifest.content,
        kind=kind,  # type: ignore[arg-type]
        samples=samples,
        shards=runs,
        tokens=manifest.tokens,
    )


def jpeg(rng: np.random.Generator, width: int = 400, height: int = 300) -> bytes:
    """A smooth random image, about as large as a web photograph of its size."""
    small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    buffer = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def schedule_of(sources: list[Source], phases: list[tuple[int, list[int]]], batch: int) -> Schedule:
    """Phases of (samples, shares)."""
    laid, start = [], 0
    for number, (samples, shares) in enumerate(phases):
        laid.append(Phase(name=f"phase {number}", start=start, stop=start + samples, shares=shares))
        start += samples
    return Schedule(
        seed=1,
        seq_len=SEQ_LEN,
        global_batch=batch,
        tokenizer=TOKENIZER,
        geometry=GEOMETRY,
        sources=sources,
        phases=laid,
        learning_rate=[Piece(start=0, shape="linear", first=1e-3, last=1e-3, over=start)],
    )


class Decoding(StreamingDataset):
    """Stock order, download and cache; rows decoded as ours are."""

    def __getitem__(self, at: Any) -> Any:
        return decode_row(super().__getitem__(at), 0, SEQ_LEN, TOKENIZER, GEOMETRY)


def tokens_alone(rows: list[Any]) -> Any:
    """The least that a text loader can do with stock rows."""
    return np.stack([row["tokens"] for row in rows]).astype(np.int64)


# rate


def rate(work: Path, small: bool) -> list[str]:
    lines = ["| windows | workers | ours, rows/s | stock, same decoding | ours / stock | stock, ids alone |"]
    lines.append("|---|---|---|---|---|---|")
    runs = 3
    for kind, samples, batch in (("text", 1_500 if small else 6_000, 32), ("pairs", 60 if small else 200, 8)):
        source = write(work / kind, kind, samples, 1 << 24, 1)
        schedule = schedule_of([source], [(samples, [ALL])], batch)
        for workers in (0, 2):
            sides: dict[str, Callable[[], float]] = {
                "ours": lambda w=workers, b=batch, s=schedule: ours_rate(s, b, w, work),  # type: ignore[misc]
                "stock": lambda w=workers, b=batch, p=source.path: stock_rate(Decoding, p, b, w, collate),  # type: ignore[misc]
                "alone": lambda w=workers, b=batch, p=source.path: stock_rate(  # type: ignore[misc]
                    StreamingDataset, p, b, w, tokens_alone
                ),
            }
            found: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(runs):  # in turns, so that a noisy neighbour hits all alike
                for name, side in sides.items():
                    found[name].append(side())
            ours, stock, alone = (statistics.median(found[name]) for name in sides)
            ratio = statistics.median(a / b for a, b in zip(found["ours"], found["stock"], strict=True))
            lines.append(f"| {kind} | {workers} | {ours:,.0f} | {stock:,.0f} | {ratio:.2f} | {alone:,.0f} |")
            print(lines[-1], flush=True)
    return lines


def ours_rate(schedule: Schedule, batch: int, workers: int, work: Path) -> float:
    dataset = ScheduleDataset(schedule, batch, cache=str(work / "cache"))
    try:
        return timed(iter(ScheduleLoader(dataset, workers)), batch)
    finally:
        dataset.close()


def stock_rate(kind: type, path: str, batch: int, workers: int, gather: Callable[..., Any]) -> float:
    dataset = kind(local=path, batch_size=batch, shuffle=True, num_canonical_nodes=1)
    found = timed(iter(DataLoader(dataset, batch, collate_fn=gather, num_workers=workers)), batch)
    del dataset
    return found


def timed(batches: Iterator[Any], batch: int) -> float:
    """Rows a second after the first batch: start-up is measured elsewhere."""
    next(batches)
    begun, count = time.perf_counter(), 0
    for _ in batches:
        count += batch
    return count / (time.perf_counter() - begun)


# start


def start(work: Path, small: bool) -> list[str]:
    shard = write(work / "shard", "text", SHARD_SAMPLES, 1 << 30, 2)
    stored = Path(shard.path) / "shard.00000.mds"
    sizes = [200_000, 2_000_000] if small else [2_000_000, 20_000_000]
    large, runs = 20_000_000 if small else 2_000_000_000, 1 if small else 3
    found: dict[tuple[str, str], dict[str, float]] = {}
    for samples in (*sizes, large):
        source = of_size(work / f"at-{samples}", samples, stored)
        schedule = schedule_of([source], [(source.samples, [ALL])], 256)
        schedule.save(work / f"at-{samples}.json")
        last = source.samples // 256 * 256 - 256
        for position in (0, last):
            link_what_is_read(schedule, position, stored)
            found["ours", f"{samples:,} {'first' if position == 0 else 'last'} step"] = measured(
                ["_ours", str(work / f"at-{samples}.json"), str(position), str(work / "cache")], runs
            )
        if samples != large:
            link_all(source, stored)
            found["stock", f"{samples:,} first step"] = measured(["_stock", source.path], runs)
    few, many = (found["stock", f"{samples:,} first step"] for samples in sizes)
    slope = {key: (many[key] - few[key]) / (sizes[1] - sizes[0]) for key in many}
    line = {key: many[key] + slope[key] * (large - sizes[1]) for key in many}
    found["stock, extrapolated", f"{large:,} first step"] = line
    lines = [
        "| loader | samples | first batch, s | memory of the rank, MiB | shared memory, MiB |",
        "|---|---|---|---|---|",
    ]
    for (side, what), one in found.items():
        lines.append(
            f"| {side} | {what} | {one['seconds']:.2f} | {one['cpu']:.2f} | {one['rss']:,.0f} | {one['shm']:,.1f} |"
        )
        print(lines[-1], flush=True)
    ours = found["ours", f"{large:,} last step"]
    mine, theirs = (one["rss"] + one["shm"] for one in (ours, line))
    faster = (
        f"{line['seconds'] / ours['seconds']:.0f} times faster start ({line['cpu'] / ours['cpu']:.0f} in CPU seconds)"
    )
    lines.append("")
    lines.append(f"At {large:,} samples: {faster}, 1/{theirs / mine:.0f} of the memory (stock extrapolated).")
    print(lines[-1], flush=True)
    return lines


def of_size(folder: Path, samples: int, stored: Path) -> Source:
    """A dataset of about `samples` samples that lacks its shard files: index and manifest only."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = json.loads((stored.parent / "index.json").read_text())["shards"][0]
    digest = xxhash.xxh3_64_hexdigest(stored.read_bytes())
    size, entries, receipts = stored.stat().st_size, [], []
    for number in range(-(-samples // SHARD_SAMPLES)):
        name = f"shard.{number:06}.mds"
        entries.append({**entry, "raw_data": {"basename": name, "bytes": size, "hashes": {}}})
        receipts.append(ShardReceipt(name=name, samples=SHARD_SAMPLES, bytes=size, digest=digest))
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": entries}))
    return publish(folder, "text", receipts)


def link_what_is_read(schedule: Schedule, position: int, stored: Path) -> None:
    stop = min(position + 65 * 256, schedule.total_samples)
    _, ids = schedule.samples(position, stop)
    for number in np.unique(ids // SHARD_SAMPLES).tolist():
        link(Path(schedule.sources[0].path), number, stored)


def link_all(source: Source, stored: Path) -> None:
    for number in range(source.samples // SHARD_SAMPLES):
        link(Path(source.path), number, stored)


def link(folder: Path, number: int, stored: Path) -> None:
    target = folder / f"shard.{number:06}.mds"
    if not target.exists():
        os.link(stored, target)


def measured(command: list[str], runs: int) -> dict[str, float]:
    """Medians over fresh processes."""
    found: list[dict[str, float]] = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, __file__, *command], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    print(command[:3], found, file=sys.stderr, flush=True)
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def first_batch(make: Callable[[], Iterator[Any]]) -> None:
    """Print seconds to the first batch and the memory that it took: peak of the process, and shared segments."""
    before, shm = peak_mib(), shared_mib()
    begun, cpu = time.perf_counter(), time.process_time()
    next(make())
    seconds = time.perf_counter() - begun
    found = {"seconds": seconds, "cpu": time.process_time() - cpu, "rss": peak_mib() - before}
    print(json.dumps({**found, "shm": max(0.0, shared_mib() - shm)}), flush=True)
    os._exit(0)


def peak_mib() -> float:
    """Peak resident memory of this process, shared pages of mapped segments left out where they are counted apart."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def shared_mib() -> float:
    return sum(f.stat().st_blocks * 512 for f in Path("/dev/shm").iterdir() if f.is_file()) / 2**20


def _ours(path: str, position: str, cache: str) -> None:
    def make() -> Iterator[Any]:
        schedule = Schedule.load(path)
        dataset = ScheduleDataset(schedule, 256, cache=cache, start=int(position))
        make.keep = dataset  # type: ignore[attr-defined]
        return iter(ScheduleLoader(dataset, 0))

    first_batch(make)


def _stock(path: str) -> None:
    def make() -> Iterator[Any]:
        dataset = Decoding(local=path, batch_size=256, shuffle=True, num_canonical_nodes=1)
        make.keep = dataset  # type: ignore[attr-defined]
        return iter(DataLoader(dataset, 256, collate_fn=collate))

    first_batch(make)


# switch

STEP = 0.05
"""Seconds that a step computes."""


def switch(work: Path, small: bool) -> list[str]:
    batch, shard_bytes, rate_ = 8, 1 << 19, float(4 << 20)
    sources = [write(work / "served/bucket" / name, "text", 1200, shard_bytes, n) for n, name in enumerate("ab")]
    remote = [source.model_copy(update={"path": f"s3://bucket/{source.name}"}) for source in sources]
    steps = 100 if small else 140
    schedule = schedule_of(remote, [(steps * batch, [ALL, 0]), (40 * batch, [0, ALL])], batch)
    schedule.save(work / "switch.json")
    lines = ["| loader | median step, ms | longest at the switch, ms | ratio |", "|---|---|---|---|"]
    for name, ahead in (
        ("ours, 64 steps ahead", "64"),
        ("ours, 1 step ahead", "1"),
        ("stock, made at the switch", "0"),
    ):
        ratios = []
        for _ in range(3):
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.train.loader.object_server", str(work / "served"), str(rate_)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            env = {
                **os.environ,
                "S3_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            cache = tempfile.mkdtemp(dir=work)
            command = [sys.executable, __file__, "_switch", str(work / "switch.json"), ahead, cache]
            try:
                done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            finally:
                server.terminate()
                server.wait()
            taken = json.loads(done.stdout.splitlines()[-1])
            before, at = taken[steps // 2 : steps - 5], taken[steps - 5 : steps + 20]
            ratios.append((max(at) / statistics.median(before), statistics.median(before), max(at)))
        ratio, median, longest = sorted(ratios)[1]
        lines.append(f"| {name} | {median * 1000:.0f} | {longest * 1000:.0f} | {ratio:.2f} |")
        print(lines[-1], flush=True)
    return lines


def _switch(path: str, ahead: str, cache: str) -> None:
    """Print the seconds of every step: waiting for the batch, and `STEP` of work."""
    schedule = Schedule.load(path)
    taken, then = [], time.perf_counter()
    for _ in batches_of(schedule, int(ahead), cache):
        time.sleep(STEP)
        now = time.perf_counter()
        taken.append(now - then)
        then = now
    print(json.dumps(taken), flush=True)
    os._exit(0)


def batches_of(schedule: Schedule, ahead: int, cache: str) -> Iterator[Any]:
    if ahead:
        yield from ScheduleLoader(ScheduleDataset(schedule, schedule.global_batch, cache=cache, ahead=ahead), 1)
        return
    for phase, source in zip(schedule.phases, schedule.sources, strict=True):
        size = schedule.global_batch
        dataset = Decoding(
            remote=source.path, local=f"{cache}/{source.name}", batch_size=size, shuffle=True, num_canonical_nodes=1
        )
        loader = iter(DataLoader(dataset, size, collate_fn=collate, num_workers=1))
        for _ in range((phase.stop - phase.start) // size):
            yield next(loader)


# decode


def decode(simplejpeg_folder: str | None) -> list[str]:
    """Images a CPU second of one thread: JPEG to RGB bytes, [3, size, size]."""
    from torchvision.io import ImageReadMode, decode_jpeg
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import resize

    rng = np.random.default_rng(0)

    def vision(encoded: bytes, size: int) -> Any:
        image = decode_jpeg(torch.frombuffer(bytearray(encoded), dtype=torch.uint8), mode=ImageReadMode.RGB)
        return resize(image, [size, size], interpolation=InterpolationMode.BICUBIC, antialias=True).numpy()

    def draft_then_torch(encoded: bytes, size: int) -> Any:
        image = Image.open(io.BytesIO(encoded))
        image.draft("RGB", (size, size))
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        return resize(pixels, [size, size], interpolation=InterpolationMode.BICUBIC, antialias=True).numpy()

    def pillow_full(encoded: bytes, size: int) -> Any:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

    sides: dict[str, Callable[[bytes, int], Any]] = {
        "PIL, with draft (ours)": decode_image,
        "PIL, full decode": pillow_full,
        "torchvision.io; resized by torch": vision,
        "PIL, with draft; resized by torch": draft_then_torch,
    }
    if simplejpeg_folder:
        sys.path.append(simplejpeg_folder)
        import simplejpeg

        def turbo(encoded: bytes, size: int) -> Any:
            image = Image.fromarray(simplejpeg.decode_jpeg(encoded, min_height=size, min_width=size))
            return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).transpose(2, 0, 1)

        sides["simplejpeg (libjpeg-turbo), scaled; resized by PIL"] = turbo
    shapes = [(400, 300, 224), (640, 480, 224), (512, 384, 384), (1024, 768, 384)]
    lines = ["| decoder | " + " | ".join(f"{w} x {h} to {s}" for w, h, s in shapes) + " |", "|---" * 5 + "|"]
    cells: dict[str, list[str]] = {name: [] for name in sides}
    for width, height, size in shapes:
        pool = [jpeg(rng, width, height) for _ in range(50)]
        found: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(5):
            for name, side in sides.items():
                begun = time.process_time()
                for encoded in pool:
                    side(encoded, size)
                found[name].append(len(pool) / (time.process_time() - begun))
        for name in sides:
            cells[name].append(f"{statistics.median(found[name]):,.0f}")
    lines += [f"| {name} | {' | '.join(row)} |" for name, row in cells.items()]
    print("\n".join(lines), flush=True)
    return lines


def main() -> None:
    torch.set_num_threads(1)  # as in a loader worker
    hidden = {"_ours": _ours, "_stock": _stock, "_switch": _switch}
    if len(sys.argv) > 1 and sys.argv[1] in hidden:
        hidden[sys.argv[1]](*sys.argv[2:])
        return
    parts = ("rate", "start", "switch", "decode")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"{', '.join(parts)}; default: all")
    parser.add_argument("--work", type=Path, help="directory for datasets; default: a temporary one")
    parser.add_argument("--small", action="store_true", help="sizes to try the script with")
    parser.add_argument("--simplejpeg", metavar="DIR", help="where simplejpeg is installed, to compare")
    options = parser.parse_args()
    if unknown := set(options.part) - set(parts):
        parser.error(f"unknown part {min(unknown)}; there are {', '.join(parts)}")
    work = Path(tempfile.mkdtemp(dir=options.work))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB; mosaicml-streaming {version('mosaicml-streaming')}, "
        f"torch {version('torch')}, pillow {version('pillow')}, torchvision {version('torchvision')}; "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )
    try:
        for part in options.part or parts:
            print(f"\n## {part}\n", flush=True)
            if part == "decode":
                decode(options.simplejpeg)
            else:
                {"rate": rate, "start": start, "switch": switch}[part](work, options.small)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
