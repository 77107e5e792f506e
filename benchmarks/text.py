"""Compares text preparation with the tools that users have, in one run on the same machine.

    python benchmarks/text.py --tokenizer DIR [--gigabytes 1] [--runs 3] [--datatrove-python PYTHON] [--report FILE.md]

The corpus is seeded and in the shape of web text (`text_corpus.py`). Measured several times in turn:

    ours       dataprep/jobs/text.py from start to exit on local[1] and local[2]: JVM, plan, shuffle and hashes included
    limit      raw gigatoken on texts that are in memory already, in one process, and in two at once
    loop       a document at a time through `tokenizers` into Streaming's MDSWriter, as llm-foundry's converter does
    datatrove  JsonlReader + DocumentTokenizer without its shuffle, where an interpreter that has datatrove is named

The slow ones run on one file of the corpus: rates do not depend on how many files there are. `--large MEGABYTES` adds a
job over one file of so much text, whose worker's memory is what counts. Medians are reported, with the spread; CPU
seconds stand beside the clock's, because a machine that other work shares inflates the clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import orjson
import psutil
import zstandard

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import text_corpus  # noqa: E402

LIMIT_FILES = 4
"""Files that raw gigatoken is measured on."""
DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
folder, out, tokenizer = sys.argv[1:]
LocalPipelineExecutor(pipeline=[
    JsonlReader(folder, glob_pattern="*.jsonl.zst", compression="zstd"),
    DocumentTokenizer(output_folder=out, tokenizer_name_or_path=tokenizer, eos_token="<|endoftext|>",
                      shuffle_documents=False),
], tasks=1, workers=1, logging_dir=out + "-logs").run()
"""


@dataclass(frozen=True)
class Result:
    """Holds the figures of one measurement."""

    name: str
    tokens: int
    seconds: float
    cores: int
    cpu: float
    """CPU seconds of all processes."""
    peak_bytes: int = 0
    """Largest resident memory of one Python process of the run."""
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds of the job's parts, as it reports them, and CPU seconds by kind of process."""

    @property
    def rate(self) -> float:
        """Million tokens a second a core."""
        return self.tokens / self.seconds / self.cores / 1e6


def ours(name: str, paths: Sequence[Path | str], out: Path, tokenizer: str, cores: int, java: str = "") -> Result:
    """Runs the job as a user runs it; `java` are options for the JVM."""
    shutil.rmtree(out, ignore_errors=True)
    job = out.with_suffix(".yaml")
    job.write_text(json.dumps({"inputs": [str(path) for path in paths], "out": str(out), "tokenizer": tokenizer}))
    submit = [str(Path(sys.executable).parent / "spark-submit"), "--master", f"local[{cores}]"]
    submit += ["--driver-java-options", java] if java else []
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1"}
    seen = Watched([*submit, str(ROOT / "dataprep/jobs/text.py"), str(job)], environment)
    parts = {part: float(s) for part, s in re.findall(r"(\w+) ([0-9.]+) s", seen.output.rpartition("time: ")[2])}
    parts = {"start and stop": seen.seconds - sum(parts.values()), **parts}
    parts |= {f"CPU of {kind}": sum(cpu for (_, of), cpu in seen.cpu.items() if of == kind) for kind in KINDS}
    tokens = json.loads((out / "manifest.json").read_bytes())["tokens"]["text"]
    shutil.rmtree(out)
    return Result(name, tokens, seen.seconds, cores, sum(seen.cpu.values()), seen.peak, parts)


def datatrove(path: Path, folder: Path, tokenizer: str, python: str) -> Result:
    """Runs datatrove with its own local executor on one core."""
    shutil.rmtree(folder / "datatrove", ignore_errors=True)
    (folder / "datatrove/in").mkdir(parents=True)
    shutil.copy(path, folder / "datatrove/in")
    out = folder / "datatrove/out"
    command = [python, "-c", DATATROVE, str(folder / "datatrove/in"), str(out), f"{tokenizer}/tokenizer.json"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    seen = Watched(command, {**environment, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"})
    tokens = sum(file.stat().st_size for file in out.rglob("*.ds")) // 2
    return Result("datatrove (one file)", tokens, seen.seconds, 1, sum(seen.cpu.values()), seen.peak)


def loop(path: Path, out: Path, tokenizer: str) -> Result:
    """Takes a document at a time through `tokenizers`, a buffer of ids and MDSWriter; `tokenizers` has one core."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from streaming import MDSWriter
    from tokenizers import Tokenizer

    began, cpu, tokens, buffer = time.monotonic(), time.process_time(), 0, list[int]()
    coder = Tokenizer.from_file(f"{tokenizer}/tokenizer.json")
    shutil.rmtree(out, ignore_errors=True)
    with MDSWriter(columns={"tokens": "ndarray:uint16:2048"}, out=str(out), hashes=["xxh64"]) as writer:
        for text in _texts(path):
            buffer += [*coder.encode(text).ids, 0]
            while len(buffer) >= 2048:
                writer.write({"tokens": np.array(buffer[:2048], np.uint16)})
                buffer, tokens = buffer[2048:], tokens + 2048
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    return Result("tokenizers loop, MDSWriter (one file)", tokens, seconds, 1, cpu)


def limit(paths: list[Path], tokenizer: str) -> Result:
    """Runs only gigatoken, on one core, over texts in memory; the tokenizer is new, so that its cache starts empty."""
    from dataprep.tokens.encoder import Encoder
    from dataprep.tokens.tokenizer import load

    coder, tokens, seconds, cpu = Encoder(load(tokenizer)), 0, 0.0, 0.0
    coder.encode_batch(["what is built on the first call is not what is measured"])
    for path in paths:
        texts = _texts(path)
        for low in range(0, len(texts), 700):
            batch = [text.encode() for text in texts[low : low + 700]]
            began, cpu_began = time.monotonic(), time.process_time()
            tokens += len(coder._fast.encode_batch(batch, parallel=False).layout.content)
            seconds, cpu = seconds + time.monotonic() - began, cpu + time.process_time() - cpu_began
    return Result("raw gigatoken", tokens, seconds, 1, cpu)


def limit_of_two(paths: list[Path], tokenizer: str) -> Result:
    """Runs `limit` in two processes at the same time, for the most that the machine's second core can add."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        both = list(pool.map(limit, [paths, paths], [tokenizer, tokenizer]))
    tokens, seconds = sum(one.tokens for one in both), max(one.seconds for one in both)
    return Result("raw gigatoken, two processes", tokens, seconds, 2, sum(one.cpu for one in both))


def _texts(path: Path) -> list[str]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    return [orjson.loads(line)["text"] for line in data.split(b"\n")[:-1]]


KINDS = ("JVM", "driver", "workers")


class Watched:
    """A command that has run: seconds, output, CPU seconds by process, the largest Python process."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.cpu: dict[tuple[int, str], float] = {}
        self.peak = 0
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(psutil.Process(process.pid), done), daemon=True)
        watcher.start()
        try:
            self.output = process.communicate()[0]
        except BaseException:
            for one in (*psutil.Process(process.pid).children(recursive=True), process):
                one.kill()
            raise
        self.seconds = time.monotonic() - began
        done.set()
        watcher.join()
        if process.returncode:
            raise SystemExit(f"{command[0]} ended with status {process.returncode}")

    def _watch(self, root: psutil.Process, done: threading.Event) -> None:
        while not done.wait(0.2):
            with contextlib.suppress(psutil.Error):
                for one in (root, *root.children(recursive=True)):
                    self._look_at(one)

    def _look_at(self, one: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):  # it has ended
            name, command = one.name(), one.cmdline()
            if not command:  # it has ended, and would be counted again as another kind
                return
            kind = "JVM" if "java" in name else "workers" if "pyspark.daemon" in command else "driver"
            times = one.cpu_times()
            self.cpu[one.pid, kind] = times.user + times.system
            if "python" in name:
                self.peak = max(self.peak, one.memory_info().rss)


def report(results: list[Result], corpus_bytes: int) -> str:
    """A Markdown page: machine, versions, medians, and where the time goes."""
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.name, []).append(result)
    middle = {name: sorted(ones, key=lambda one: one.seconds)[len(ones) // 2] for name, ones in by_name.items()}
    top = middle["raw gigatoken"]
    names = ("gigatoken", "tokenizers", "pyspark", "mosaicml-streaming", "numpy")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
        + f"; corpus of {corpus_bytes / 1e9:.2f} GB of text; load averages {load} at the end.",
        "",
        "| median of | runs | tokens | s (least to most) | M tokens/s/core | of the limit | CPU s | M tokens/CPU s "
        "| peak memory of a Python process |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in middle.items():
        spread = [each.seconds for each in by_name[name]]
        cells = [
            name,
            len(spread),
            f"{one.tokens:,}",
            f"{one.seconds:.1f} ({min(spread):.1f} to {max(spread):.1f})",
            f"{one.rate:.2f}",
            f"{one.rate / top.rate:.2f}",
            f"{one.cpu:.1f}",
            f"{one.tokens / one.cpu / 1e6:.2f}",
            f"{one.peak_bytes / 2**20:.0f} MiB" if one.peak_bytes else "",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines.append("")
    if (first := middle.get("switchpoint, local[1]")) and (second := middle.get("switchpoint, local[2]")):
        each = [a.seconds / b.seconds for a, b in zip(by_name[first.name], by_name[second.name], strict=False)]
        lines.append(f"From `local[1]` to `local[2]`: {statistics.median(each):.2f} times.")
        if two := middle.get("raw gigatoken, two processes"):
            lines.append(f"Raw gigatoken from one process to two: {2 * two.rate / top.rate:.2f} times.")
        for name, peer in middle.items():
            if "one file" in name and peer is not first:
                lines.append(f"A core of ours against {name}: {first.rate / peer.rate:.1f} times (`local[1]`).")
    if not any(name.startswith("datatrove") for name in by_name):
        lines.append("datatrove was not measured in this run: no interpreter that has it was named.")
    for name, one in middle.items():
        if one.parts:
            about = ", ".join(f"{part} {seconds:.1f}" for part, seconds in one.parts.items())
            lines.append(f"\n{name}, seconds: {about}.")
    return "\n".join(lines) + "\n"


def _processor() -> str:
    try:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def main() -> None:
    """Makes the corpus, measures and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="directory with a tokenizer.json (GPT-NeoX for the targets)")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of text in the corpus")
    parser.add_argument("--runs", type=int, default=3, help="of everything, in turn; medians are reported")
    parser.add_argument("--folder", type=Path, help="where the corpus is kept and results are written (a new one)")
    parser.add_argument("--datatrove-python", help="an interpreter that has datatrove 0.10")
    parser.add_argument("--without-peers", action="store_true", help="only ours and the limit")
    parser.add_argument("--large", type=int, default=0, metavar="MEGABYTES", help="also one file of so much text")
    parser.add_argument("--java-options", metavar="OPTIONS", help="also measure ours once with these options")
    parser.add_argument("--report", type=Path, help="write the Markdown page here too")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="switchpoint-benchmark-"))
    paths = text_corpus.make(folder / "corpus", int(options.gigabytes * 1e9))
    tokenizer = options.tokenizer
    steps: list[Callable[[], Result]] = [
        lambda: ours("switchpoint, local[1]", paths, folder / "one", tokenizer, 1),
        lambda: ours("switchpoint, local[2]", paths, folder / "two", tokenizer, 2),
        lambda: limit(paths[:LIMIT_FILES], tokenizer),
        lambda: limit_of_two(paths[:LIMIT_FILES], tokenizer),
    ]
    if not options.without_peers:
        steps.append(lambda: loop(paths[0], folder / "loop", tokenizer))
    if options.datatrove_python and not options.without_peers:
        steps.append(lambda: datatrove(paths[0], folder, tokenizer, options.datatrove_python))
    steps *= options.runs
    if options.large:
        large = text_corpus.joined(paths, options.large << 20, folder / f"large-{options.large}.jsonl.zst")
        steps.append(lambda: ours("switchpoint, one large file", [large], folder / "large", tokenizer, 1))
    if java := options.java_options:
        steps.append(lambda: ours(f"switchpoint, local[1], {java}", paths, folder / "one", tokenizer, 1, java))
        steps.append(lambda: ours(f"switchpoint, local[2], {java}", paths, folder / "two", tokenizer, 2, java))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = []
    try:
        for step in steps:
            results.append(step())
            print(results[-1], file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("stopped early: what was measured until then is reported", file=sys.stderr)
    page = report(results, len(paths) * text_corpus.FILE_BYTES)
    print(page)
    if options.report:
        options.report.write_text(page)


if __name__ == "__main__":
    main()
