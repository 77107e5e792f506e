"""Text preparation, measured against what users have, in one run on the same machine.

    python benchmarks/text.py --tokenizer DIR [--gigabytes 1] [--datatrove-python PYTHON] [--report FILE.md]

It makes its own corpus (seeded: Zipf-distributed words harvested from the Python library's sources, sentences of random
shape), then measures

    ours       dataprep/jobs/text.py from start to exit on local[1] and local[2]: JVM, plan, shuffle and hashes included
    loop       a document at a time through `tokenizers` into Streaming's MDSWriter, as llm-foundry's converter does
    datatrove  JsonlReader + DocumentTokenizer, where an interpreter that has datatrove 0.10 is named (it conflicts with
               nothing here, but is no dependency of the project)
    limit      raw gigatoken in one process on texts that are in memory already

The slow ones run on one file of the corpus: rates do not depend on how many files there are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import psutil
import zstandard

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FILE_BYTES = 64 << 20
"""Of text in a corpus file, before compression."""
DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
folder, out, tokenizer = sys.argv[1:]
LocalPipelineExecutor(pipeline=[
    JsonlReader(folder, glob_pattern="*.jsonl.zst", compression="zstd"),
    DocumentTokenizer(output_folder=out, tokenizer_name_or_path=tokenizer, eos_token="<|endoftext|>"),
], tasks=1, workers=1, logging_dir=out + "-logs").run()
"""


@dataclass(frozen=True)
class Result:
    """One measurement."""

    name: str
    tokens: int
    seconds: float
    cores: int
    peak_bytes: int = 0
    """Largest resident memory of one Python process of the run."""

    @property
    def rate(self) -> float:
        """Million tokens a second a core."""
        return self.tokens / self.seconds / self.cores / 1e6


def make_corpus(folder: Path, total_bytes: int, seed: int = 1) -> list[Path]:
    """Write files of about `FILE_BYTES` of text each until they have `total_bytes`; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    words = _words()
    paths = []
    for number in range(max(1, round(total_bytes / FILE_BYTES))):
        paths.append(folder / f"{number:04}.jsonl.zst")
        if not paths[-1].exists():
            rng = np.random.default_rng([seed, number])
            rows, size = list[bytes](), 0
            while size < FILE_BYTES:
                text = _document(words, rng)
                record = {"WARC-Record-ID": f"<urn:uuid:{number}-{len(rows)}>", "WARC-Type": "response"}
                url = f"https://example.org/{number}/{len(rows)}"
                rows.append(orjson.dumps({"text": text, "url": url, "metadata": record, "warcinfo": "x" * 300}))
                size += len(text.encode())
            temporary = paths[-1].with_suffix(".tmp")
            temporary.write_bytes(zstandard.ZstdCompressor(3).compress(b"\n".join(rows) + b"\n"))
            temporary.rename(paths[-1])
    return paths


def _words() -> npt.NDArray[np.str_]:
    found: dict[str, None] = {}
    for source in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        found |= dict.fromkeys(re.findall(r"[A-Za-z]{2,14}", source.read_text(errors="ignore")))
    words = sorted(found)
    random.Random(0).shuffle(words)
    foreign = ["über", "naïve", "日本", "данные", "🙂", "…", "€", "مرحبا"]
    return np.array(words[:2000] + foreign + words[2000:])


def _document(words: npt.NDArray[np.str_], rng: np.random.Generator) -> str:
    """Sentences of Zipf-distributed words with numbers, capitals and paragraphs; lengths are log-normal."""
    length = int(np.clip(rng.lognormal(6.3, 0.9), 20, 50_000))
    ranks = np.minimum(rng.zipf(1.15, length) - 1, len(words) - 1) ^ int(rng.integers(0, 8))
    chosen = words[np.minimum(ranks, len(words) - 1)].tolist()
    for at in rng.integers(0, length, length // 40).tolist():
        chosen[at] = str(rng.integers(0, 1 << 20))
    text, at = [], 0
    while at < length:
        sentence = chosen[at : at + int(rng.integers(4, 28))]
        at += len(sentence)
        text.append(" ".join(sentence).capitalize() + (".\n\n" if rng.random() < 0.12 else ". "))
    return "".join(text)


def ours(paths: list[Path], out: Path, tokenizer: str, cores: int) -> Result:
    """The job as a user runs it."""
    shutil.rmtree(out, ignore_errors=True)
    job = out.with_suffix(".yaml")
    job.write_text(json.dumps({"inputs": [str(path) for path in paths], "out": str(out), "tokenizer": tokenizer}))
    submit = [str(Path(sys.executable).parent / "spark-submit"), "--master", f"local[{cores}]"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1"}
    seconds, peak = _watched([*submit, str(ROOT / "dataprep/jobs/text.py"), str(job)], environment)
    tokens = json.loads((out / "manifest.json").read_bytes())["tokens"]["text"]
    return Result(f"switchpoint, local[{cores}]", tokens, seconds, cores, peak)


def datatrove(path: Path, folder: Path, tokenizer: str, python: str) -> Result:
    """Its own local executor on one core."""
    (folder / "datatrove-in").mkdir(exist_ok=True)
    shutil.copy(path, folder / "datatrove-in")
    out = folder / "datatrove-out"
    command = [python, "-c", DATATROVE, str(folder / "datatrove-in"), str(out), f"{tokenizer}/tokenizer.json"]
    seconds, peak = _watched(command, {**os.environ, "TOKENIZERS_PARALLELISM": "false"})
    tokens = sum(file.stat().st_size for file in out.rglob("*.ds")) // 2
    return Result("datatrove (one file)", tokens, seconds, 1, peak)


def loop(path: Path, out: Path, tokenizer: str) -> Result:
    """A document at a time: `tokenizers`, a buffer of ids, MDSWriter; `tokenizers` is kept on one core."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from streaming import MDSWriter
    from tokenizers import Tokenizer

    began, tokens, buffer = time.monotonic(), 0, list[int]()
    coder = Tokenizer.from_file(f"{tokenizer}/tokenizer.json")
    shutil.rmtree(out, ignore_errors=True)
    with MDSWriter(columns={"tokens": "ndarray:uint16:2048"}, out=str(out), hashes=["xxh64"]) as writer:
        for text in _texts(path):
            buffer += [*coder.encode(text).ids, 0]
            while len(buffer) >= 2048:
                writer.write({"tokens": np.array(buffer[:2048], np.uint16)})
                buffer, tokens = buffer[2048:], tokens + 2048
    return Result("tokenizers loop, MDSWriter (one file)", tokens, time.monotonic() - began, 1)


def limit(paths: list[Path], tokenizer: str) -> Result:
    """Only gigatoken, on one core, over texts in memory."""
    from dataprep.tokenizer import encoder, load

    coder, tokens, seconds = encoder(load(tokenizer)), 0, 0.0
    for path in paths:
        texts = _texts(path)
        for low in range(0, len(texts), 2000):
            batch = [text.encode() for text in texts[low : low + 2000]]
            began = time.monotonic()
            tokens += len(coder._fast.encode_batch(batch, parallel=False).layout.content)
            seconds += time.monotonic() - began
    return Result("raw gigatoken", tokens, seconds, 1)


def _texts(path: Path) -> list[str]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    return [orjson.loads(line)["text"] for line in data.splitlines()]


def _watched(command: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """Run `command`; seconds, and the largest resident memory of one of its Python processes."""
    began, peak, done = time.monotonic(), 0, threading.Event()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            try:
                for child in psutil.Process(process.pid).children(recursive=True):
                    if "python" in child.name():
                        peak = max(peak, child.memory_info().rss)
            except psutil.Error:
                continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    status = process.wait()
    done.set()
    if status:
        raise SystemExit(f"{command[0]} ended with status {status}")
    return time.monotonic() - began, peak


def report(results: list[Result], corpus_bytes: int) -> str:
    """A Markdown page: machine, versions, and the table."""
    by_name = {result.name: result for result in results}
    top = by_name["raw gigatoken"].rate
    names = ("gigatoken", "tokenizers", "pyspark", "mosaicml-streaming", "numpy")
    lines = [
        "# Text preparation: tokens a second",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
        + f"; corpus of {corpus_bytes / 1e9:.2f} GB of text.",
        "",
        "| | tokens | s | M tokens/s | M tokens/s/core | of the limit | peak memory of a Python process |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in results:
        memory = f"{one.peak_bytes / 2**20:.0f} MiB" if one.peak_bytes else ""
        lines.append(
            f"| {one.name} | {one.tokens:,} | {one.seconds:.1f} | {one.rate * one.cores:.2f} | {one.rate:.2f} "
            f"| {one.rate / top:.2f} | {memory} |"
        )
    single, double = by_name["switchpoint, local[1]"], by_name["switchpoint, local[2]"]
    lines += ["", f"From `local[1]` to `local[2]`: {single.seconds / double.seconds:.2f} times."]
    if not any(name.startswith("datatrove") for name in by_name):
        lines.append("datatrove was not measured in this run: no interpreter that has it was named.")
    return "\n".join(lines) + "\n"


def _processor() -> str:
    try:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def main() -> None:
    """Make the corpus, measure, print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="directory with a tokenizer.json (GPT-NeoX for the targets)")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of text in the corpus")
    parser.add_argument("--folder", type=Path, help="where the corpus is kept and results are written (a new one)")
    parser.add_argument("--datatrove-python", help="an interpreter that has datatrove 0.10")
    parser.add_argument("--report", type=Path, help="write the Markdown page here too")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="switchpoint-benchmark-"))
    paths = make_corpus(folder / "corpus", int(options.gigabytes * 1e9))
    steps: list[Callable[[], Result]] = [
        lambda: ours(paths, folder / "one", options.tokenizer, 1),
        lambda: ours(paths, folder / "two", options.tokenizer, 2),
        lambda: limit(paths, options.tokenizer),
        lambda: loop(paths[0], folder / "loop", options.tokenizer),
    ]
    if options.datatrove_python:
        steps.append(lambda: datatrove(paths[0], folder, options.tokenizer, options.datatrove_python))
    results = []
    for step in steps:
        results.append(step())
        print(results[-1], file=sys.stderr, flush=True)
    page = report(results, len(paths) * FILE_BYTES)
    print(page)
    if options.report:
        options.report.write_text(page)


if __name__ == "__main__":
    main()
