"""Measures the speed and exactness of schedules beside StreamingDataset's own ordering, in one run.

    python benchmarks/curriculum.py                 # everything: about five minutes and 5 GB of memory
    python benchmarks/curriculum.py --samples 2M    # a quick look

The report is Markdown. Streaming orders an epoch by `generate_work`, an array of all sample ids that is built before
the first batch; a schedule is asked position by position. Both get the same two sources (99 % and 1 %), 64 samples a
step, one worker; each case runs in a process of its own. Streaming's peak memory is counted without its imports.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from curriculum.language.amounts import parse_amount  # noqa: E402
from schemas.manifest import TokenCounts, TokenizerIdentity  # noqa: E402
from schemas.order.learning_rate import Piece  # noqa: E402
from schemas.order.mixing import SHARE_UNIT  # noqa: E402
from schemas.phases import Phase, Source  # noqa: E402
from schemas.schedule import Schedule  # noqa: E402

SEQ_LEN, BATCH, SHARD = 2048, 64, 16384
TOKENIZER = TokenizerIdentity(digest="0" * 64, vocabulary_size=50277, end_of_text_id=0, pad_id=1, image_id=50277)
FAR = 2_000_000_000


def schedule(
    sizes: list[int], shares: list[int], total: int, batch: int = BATCH, lanes: int = 1, shard: int = SHARD
) -> Schedule:
    """The schedule of a run of one phase over sources of these sizes (samples)."""
    sources = []
    for number, size in enumerate(sizes):
        runs = [run for run in ((shard, size // shard), (size % shard, 1)) if all(run)]
        tokens = TokenCounts(text=size * SEQ_LEN)
        name = f"s{number}"
        sources.append(
            Source(name=name, path=name, content=name, kind="text", samples=size, shards=runs, tokens=tokens)
        )
    return Schedule(
        seed=7,
        seq_len=SEQ_LEN,
        global_batch=batch,
        lanes=lanes,
        tokenizer=TOKENIZER,
        sources=sources,
        phases=[Phase(name="all", start=0, stop=total, shares=shares)],
        learning_rate=[Piece(start=0, shape="constant", first=1, last=1, over=1)],
    )


def shares_of(count: int) -> list[int]:
    """Gives 85 % to the first source and the rest to the others in equal parts."""
    if count == 1:
        return [SHARE_UNIT]
    small = SHARE_UNIT * 15 // 100 // (count - 1)
    return [SHARE_UNIT - small * (count - 1)] + [small] * (count - 1)


def throughput(count: int, lanes: int) -> dict[str, Any]:
    """Samples a second of CPU time over a million at FAR, and the time of one, where `count` sources are mixed."""
    run = schedule([2_100_000_000] + [50_000_000] * (count - 1), shares_of(count), 2 * FAR, 512, lanes)
    began = time.perf_counter()
    run.samples(FAR, FAR + 1)
    first = time.perf_counter() - began
    best = min(_cpu(lambda: run.samples(FAR, FAR + 1_000_000)) for _ in range(7))
    one = [_wall(lambda p=p: run.samples(FAR + p, FAR + p + 1)) for p in range(0, 20_000, 10)]  # type: ignore[misc]
    return {"rate": 1e6 / best, "one": float(np.median(one)), "first": first}


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def _wall(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def per_batch(ids: Any) -> tuple[float, int, int]:
    """(share in %, fewest, most in a batch) of the rare source, from its source numbers in order."""
    batches = (ids[: len(ids) // BATCH * BATCH] == 1).reshape(-1, BATCH).sum(axis=1)
    return float(100 * batches.sum() / batches.size / BATCH), int(batches.min()), int(batches.max())


def ours(samples: int) -> dict[str, Any]:
    """Seeks into the middle of a run of `samples` and looks at every batch from there."""
    began = time.perf_counter()
    run = schedule([samples * 99 // 100, samples // 100], [990_000_000, 10_000_000], samples)
    run.samples(samples // 2, samples // 2 + BATCH)
    seconds, peak = time.perf_counter() - began, _peak()
    ids = np.concatenate([run.samples(low, min(low + 10**6, samples))[0] for low in range(0, samples, 10**6)])
    return {"seconds": seconds, "peak": peak, "batches": per_batch(ids)}


def streaming(samples: int, method: str) -> dict[str, Any]:
    """Orders the whole epoch by StreamingDataset's `generate_work`."""
    from streaming import Stream, StreamingDataset
    from streaming.base.batching import generate_work
    from streaming.base.world import World

    with tempfile.TemporaryDirectory() as folder:
        sizes = [samples * 99 // 100, samples // 100]
        streams = [
            Stream(local=_index(Path(folder) / f"s{i}", size), proportion=part)
            for i, (size, part) in enumerate(zip(sizes, (0.99, 0.01), strict=True))
        ]
        base, began = _peak(), time.perf_counter()
        dataset = StreamingDataset(
            streams=streams,
            batch_size=BATCH,
            shuffle=True,
            shuffle_algo="py1e",
            shuffle_block_size=1 << 18,
            num_canonical_nodes=1,
            batching_method=method,
            epoch_size=samples,
        )
        work = generate_work(method, dataset, World.detect(), 0, 0)
        seconds, peak = time.perf_counter() - began, _peak() - base
        ids = work.reshape(-1)
        return {"seconds": seconds, "peak": peak, "batches": per_batch((ids >= sizes[0]).astype(np.int8)[ids >= 0])}


def _index(folder: Path, samples: int) -> str:
    """A dataset of which only the index exists: ordering reads nothing else."""
    folder.mkdir()
    sizes = [SHARD] * (samples // SHARD) + ([samples % SHARD] if samples % SHARD else [])
    shards = [
        {
            "column_encodings": ["int"],
            "column_names": ["x"],
            "column_sizes": [8],
            "compression": None,
            "format": "mds",
            "hashes": [],
            "raw_data": {"basename": f"{number}.mds", "bytes": 1, "hashes": {}},
            "samples": size,
            "size_limit": None,
            "version": 2,
            "zip_data": None,
        }
        for number, size in enumerate(sizes)
    ]
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": shards}))
    return str(folder)


def _peak() -> float:
    """Peak resident memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sweep() -> dict[str, Any]:
    """All of the paper's sweeps at 4.3 T tokens, compiled as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        write_paper_manifests(Path(folder) / "data")
        sweeps = [str(path) for path in sorted((ROOT / "recipes/paper/sweeps").glob("*.yaml"))]
        command = [sys.executable, "-m", "curriculum", "sweep", *sweeps, "--no-tree"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        return {"seconds": seconds, "peak": peak, "said": done.stdout.strip().splitlines()[0]}


def write_paper_manifests(data: Path) -> None:
    """Manifests of the paper's datasets with all their shards: DCLM's 113,000, 78,000 of each billion pairs."""
    for name, tokens in (("dclm", 3_800_000_000_000), ("starcoder", 250_000_000_000), ("proofpile2", 55_000_000_000)):
        _manifest(data / name, "text", tokens, SHARD, None)
    pairs = {"datacomp-dr": 10**9, "datacomp": 10**9, "datacomp-dr-12m": 10**7, "cc12m": 11 * 10**6,
             "shutterstock": 10**7, "interleaved": 10**7}  # fmt: skip
    for vision, (patch, tokens) in {"siglip384": (14, 729), "patch16": (16, 576)}.items():
        geometry = {"size": 384, "patch": patch, "tokens": tokens}
        for name, count in pairs.items():
            _manifest(data / f"{name}-{vision}", "pairs", count // 2 * SEQ_LEN, 6400, geometry)
        _manifest(data / f"llava-{vision}", "conversations", 1_000_000_000, 800, geometry)


def _manifest(folder: Path, kind: str, tokens: int, shard: int, geometry: dict[str, int] | None) -> None:
    samples = tokens // SEQ_LEN
    total = samples * SEQ_LEN
    sizes = [shard] * (samples // shard) + ([samples % shard] if samples % shard else [])
    by_kind = {"text": total} if geometry is None else {"visual": total // 2, "caption": total - total // 2}
    manifest = {
        "kind": kind,
        "plan": folder.name,
        "seed": 0,
        "seq_len": SEQ_LEN,
        "samples": samples,
        "tokens": by_kind,
        "tokenizer": TOKENIZER.model_dump(),
        "geometry": geometry,
        "rows": {"read": samples, "written": samples},
        "inputs": [],
        "shards": [
            {"name": f"{i:06}.mds", "samples": n, "bytes": n * SEQ_LEN * 2, "digest": f"{folder.name}-{i}"}
            for i, n in enumerate(sizes)
        ],
    }
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def apart(*arguments: str) -> dict[str, Any] | str:
    """Runs one case in a process of its own; where it fails, returns the reason in one line."""
    command = [sys.executable, __file__, "--case", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(sizes: list[int]) -> str:
    """Returns the whole report as Markdown."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}",
        "",
        _speed(),
        "",
        "Until the first batch is known (schedule: in the middle of the run; Streaming: at its start), 99 % + 1 %:",
        "",
    ]
    lines += [
        "| samples | order | seconds | peak MB | rare source, % | in a batch of 64 |",
        "|---|---|---|---|---|---|",
    ]
    for samples in sizes:
        for case in (("ours",), ("streaming", "random"), ("streaming", "stratified")):
            name = "schedule" if case == ("ours",) else f"Streaming {case[1]}"
            found = apart(*case, str(samples))
            if isinstance(found, str):
                lines.append(f"| {samples:,} | {name} | refused: {found} | | | |")
                continue
            share, fewest, most = found["batches"]
            numbers = f"{found['seconds']:.3g} | {found['peak']:,.0f} | {share:.4f} | {fewest} to {most}"
            lines.append(f"| {samples:,} | {name} | {numbers} |")
    found = apart("sweep")
    assert isinstance(found, dict), found
    lines += [
        "",
        f"All sweeps of the paper in {found['seconds']:.2f} s of CPU time and {found['peak']:.0f} MB: {found['said']}.",
    ]
    return "\n".join(lines)


def _speed() -> str:
    rows = ["| sources | lanes | samples a second, one core | one sample at 2 x 10^9 | first sample |"]
    rows.append("|---|---|---|---|---|")
    for count, lanes in ((1, 1), (2, 1), (3, 1), (12, 1), (2, 8), (2, 64)):
        found = apart("throughput", str(count), str(lanes))
        assert isinstance(found, dict), found
        times = f"{found['one'] * 1e6:.0f} us | {found['first'] * 1e3:.0f} ms"
        rows.append(f"| {count} | {lanes} | {found['rate'] / 1e6:.1f} M | {times} |")
    return "\n".join(rows)


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "mosaicml-streaming"))
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main() -> None:
    """Runs all cases, or one case for its parent process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", nargs="+", default=["20M", "50M"], help="sizes of the run beside Streaming")
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.case:
        print(report([int(parse_amount(text).value) for text in args.samples]))
        return
    name, *rest = args.case
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "throughput": lambda: throughput(int(rest[0]), int(rest[1])),
        "ours": lambda: ours(int(rest[0])),
        "streaming": lambda: streaming(int(rest[1]), rest[0]),
        "sweep": sweep,
    }
    print(json.dumps(cases[name]()))


if __name__ == "__main__":
    main()
