"""Measures packing of image-text pairs: images a processor-second, and padding for usual image geometries.

    python benchmarks/pairs.py WORK --images 5000 --tokenizer DIR

Tars of photo-like JPEGs are written as the download job writes them and packed in one process, for the rate of a core;
lengths alone are packed for usual encoders and sequence lengths. The result is a JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import resource
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from download import DISTINCT, photo
from PIL import Image


def main() -> None:
    """Runs both measurements and prints the object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new directory for inputs and results")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--tokenizer", required=True, help="directory of a tokenizer.json")
    options = parser.parse_args()
    work: Path = options.work.absolute()
    work.mkdir(parents=True)
    pictures = [photo(seed) for seed in range(min(DISTINCT, options.images))]
    write_tars(work / "images", pictures, options.images)
    results: dict[str, Any] = {
        "packing": packing(work, options.tokenizer),
        "geometries": geometries(),
        "about": about(options, pictures),
    }
    print(json.dumps(results, indent=1))


def about(options: argparse.Namespace, pictures: list[bytes]) -> dict[str, Any]:
    """Names the machine and the versions of the measurement."""
    return {
        "images": options.images,
        "mean_bytes": round(float(np.mean([len(picture) for picture in pictures]))),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("pillow", "pyarrow", "simplejpeg", "tokenizers")},
    }


def write_tars(folder: Path, pictures: list[bytes], images: int) -> None:
    """Tars as the download job writes them, 1,250 pairs each."""
    from dataprep.tar.write import write_tar

    folder.mkdir(parents=True)
    texts = captions(images)
    for number, start in enumerate(range(0, images, 1250)):
        members = []
        for index in range(start, min(start + 1250, images)):
            meta = {"uid": f"{index:032x}", "url": f"http://a.example/{index}", "caption": texts[index], "width": 512}
            members += [
                (f"{index:09}.jpg", pictures[index % len(pictures)]),
                (f"{index:09}.json", json.dumps(meta).encode()),
                (f"{index:09}.txt", texts[index].encode()),
            ]
        with open(folder / f"{number:05}.tar", "wb") as out:
            write_tar(out, members)


def captions(count: int) -> list[str]:
    """Alt texts: some words, log-normal in number."""
    draw = np.random.default_rng(0)
    words = ["a", "photo", "of", "the", "red", "house", "with", "garden", "and", "cat", "on", "street", "vintage"]
    return [" ".join(draw.choice(words, 1 + int(draw.lognormal(2.4, 0.7)))) for _ in range(count)]


RUNS = 5


def packing(work: Path, tokenizer: str) -> dict[str, Any]:
    """Our tars to windows in this process, all of them `RUNS` times; processor seconds, medians.

    Beside each run stands what Pillow alone takes to decode the same pictures fully, as training would: the yardstick
    for a machine whose speed varies.
    """
    from dataprep.engine.task_workspace import Scratch
    from dataprep.image_text.settings import task_spec
    from dataprep.pairs.config import PairsJob
    from dataprep.pairs.task import work as pack
    from dataprep.tar.read import samples

    tars = sorted((work / "images").glob("*.tar"))
    found: dict[str, Any] = {}
    pictures = []
    with open(tars[0], "rb") as tar:
        for sample in samples(tar, str(tars[0])):
            pictures.append(sample.members["jpg"].read(tar))
    rates: dict[str, list[float]] = {"pillow_full_decode": []}
    for decode in (True, False):
        name = "decoded" if decode else "headers_only"
        out = work / f"pairs-{decode}"
        settings = {"inputs": str(work / "images/*.tar"), "out": str(out), "tokenizer": tokenizer, "decode": decode}
        job = PairsJob.model_validate({**settings, "geometry": {"size": 224, "patch": 16}})
        spec, scratch = task_spec(job, masked=False), Scratch(str(out), work)
        pack((999, str(tars[0])), scratch, spec)  # loads tokenizer and libraries
        rates[name] = []
        for _ in range(RUNS):
            shutil.rmtree(out)  # or each shard would replace one, whose end costs time that no job spends
            began, totals = time.process_time(), {"images": 0, "pad": 0, "tokens": 0}
            for number, path in enumerate(tars):
                receipt = pack((number, str(path)), scratch, spec)
                totals["images"] += receipt["images"]
                totals["pad"] += receipt["counts"]["pad"]
                totals["tokens"] += receipt["tokens"]
            rates[name].append(totals["images"] / (time.process_time() - began))
            found[f"{name}_padding"] = round(totals["pad"] / totals["tokens"], 4)
            if decode:
                began = time.process_time()
                for picture in pictures:
                    Image.open(io.BytesIO(picture)).convert("RGB")
                rates["pillow_full_decode"].append(len(pictures) / (time.process_time() - began))
    found["images_a_processor_second"] = {name: round(float(np.median(values))) for name, values in rates.items()}
    found["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def geometries() -> list[dict[str, Any]]:
    """Padding, and the packer's own speed, for usual encoders and sequence lengths on 20,000 captions."""
    from dataprep.image_text.packing import pack

    draw = np.random.default_rng(1)
    texts = np.clip(draw.lognormal(2.7, 0.7, 20_000), 1, 300).astype(int).tolist()
    found = []
    for tokens, seq_len in ((196, 2048), (256, 2048), (576, 2048), (729, 2048), (729, 3072), (729, 4096), (729, 8192)):
        lengths = [tokens + text + 1 for text in texts]
        began = time.process_time()
        windows = len(list(pack(lengths, seq_len)))
        seconds = time.process_time() - began
        share = 1 - sum(lengths) / (windows * seq_len)
        row = {"image_tokens": tokens, "seq_len": seq_len, "padding": round(share, 4)}
        speed = round(len(lengths) / seconds)
        found.append({**row, "pairs_in_window": round(len(lengths) / windows, 2), "pairs_a_second": speed})
    return found


if __name__ == "__main__":
    main()
