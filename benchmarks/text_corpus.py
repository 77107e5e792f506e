"""Generates a seeded corpus in the shape of web text, with which tokenizers do not look faster than they are.

A tokenizer that remembers words is fast on few words. Web text has few words that are frequent and very many that
are seen once, so this corpus has both: ranks follow a Zipf-Mandelbrot law over hundreds of thousands of words (those
of the Python library's sources, then invented ones), and one word in fifty is new: misspelt, a name, a number, an
identifier, a URL. A fifth of the documents is something else than prose in Latin letters: eight other scripts,
program text, tables. Lengths are log-normal, about 1,300 GPT-NeoX tokens on average, and rows carry the fields that
DCLM-baseline's have.

The corpus was compared with real text at hand (documentation and sources of Python packages): see `text.md`.
"""

from __future__ import annotations

import functools
import random
import re
import sysconfig
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from common import atomic_files

FILE_BYTES = 64 << 20
"""Bytes of text in a corpus file, before compression."""
VOCABULARY = 400_000
BEND = 8000.0
"""Rank from which on words are rarer than Zipf's law has it, as in large collections: 1/rank, then 1/rank^1.6."""
_SYLLABLES = {
    "latin": "ba be bi ta ter th in on ing er re an en tion pro con st ar or al de is ly ment ness un dis ov ex qu",
    "cyrillic": "ка ст но пра ени ость то во ра по не ми ли зна ход пис ть ский ова при",
    "greek": "κα τα στη ος ων με λογ ια πρ ει ου ση νο μα θε",
    "arabic": "ال ما ين ون كت اب سل مد رس عل وم ات قا بر",
    "hebrew": "של ים ות מה הת בר קו לי נו אמ שר",
    "devanagari": "का ना प्र ति सं या ने वि दे श में रा ही",
    "hangul": "한 국 어 는 이 다 사 람 을 에 서 고 하 가 나 무",
}
_HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 4000)]
_EMOJI = ["🙂", "🚀", "👩\u200d💻", "❤️", "🎉", "🤔", "👍🏽", "🇫🇷"]
_MARKS = [", "] * 12 + ["; ", ": ", " - ", " (", ") ", '" ', ' "', "'s ", "/", " & "]
_TYPESET_MARKS = [", "] * 12 + ["; ", ": ", " – ", " — ", "… ", " (", ") ", "” ", " “", "’s ", "/", "\u00a0"]
"""Half of the documents come from editors that write these; the others, most of them, are ASCII."""
Words = npt.NDArray[np.object_]


def make(folder: Path, total_bytes: int, *, file_bytes: int = FILE_BYTES, seed: int = 1) -> list[Path]:
    """Write files of about `file_bytes` of text each until they have `total_bytes`; existing files are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.jsonl.zst" for number in range(max(1, round(total_bytes / file_bytes)))]
    missing = [(path, (seed, number), file_bytes) for number, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(_write, *zip(*missing, strict=True), chunksize=1) if missing else ():
            pass
    return paths


def joined(paths: list[Path], total_bytes: int, path: Path) -> Path:
    """One file, `path`, of at least `total_bytes` of text, from files of `FILE_BYTES` each, end to end."""
    if not path.exists():
        with path.open("wb") as stream:
            for one in paths[: -(-total_bytes // FILE_BYTES)]:
                stream.write(one.read_bytes())
    return path


def _write(path: Path, seed: tuple[int, int], file_bytes: int) -> None:
    """One file, a frame for each 64 MiB so that no more is held."""
    rng, chance = np.random.default_rng(seed), random.Random(repr(seed))
    packer, written, number = zstandard.ZstdCompressor(3), 0, 0
    with (
        atomic_files.new_file(path) as partial,
        partial.open("wb") as stream,
        packer.stream_writer(stream) as packed,
    ):
        while written < file_bytes:
            text = document(rng, chance)
            written += len(text.encode())
            packed.write(orjson.dumps(_row(text, f"{seed[1]}-{number}", chance)) + b"\n")
            number += 1


def _row(text: str, name: str, chance: random.Random) -> dict[str, object]:
    metadata = {
        "Content-Length": str(len(text)),
        "Content-Type": "application/http; msgtype=response",
        "WARC-Block-Digest": f"sha1:{chance.getrandbits(160):040X}",
        "WARC-Concurrent-To": f"<urn:uuid:{chance.getrandbits(128):032x}>",
        "WARC-Date": "2022-05-16T08:11:02Z",
        "WARC-IP-Address": None,
        "WARC-Record-ID": f"<urn:uuid:{chance.getrandbits(128):032x}>",
        "WARC-Target-URI": f"https://example.org/{name}",
        "WARC-Type": "response",
    }
    return {
        "bff_contained_ngram_count_before_dedupe": chance.randrange(100),
        "language_id_whole_page_fasttext": {"en": chance.random()},
        "metadata": metadata,
        "previous_word_count": len(text) // 6,
        "text": text,
        "url": metadata["WARC-Target-URI"],
        "warcinfo": "robots: classic\r\nhostname: example\r\nsoftware: Crawler 1.0\r\nisPartOf: CC-MAIN-2022-21\r\n",
        "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": chance.random(),
    }


def document(rng: np.random.Generator, chance: random.Random) -> str:
    """One document: prose in Latin letters four times in five."""
    length = int(np.clip(rng.lognormal(6.4, 0.9), 12, 60_000))
    kind = chance.random()
    if kind < 0.80:
        return _prose(length, vocabulary("latin"), rng, chance)
    if kind < 0.90:
        return _prose(length, vocabulary(chance.choice([name for name in _SYLLABLES if name != "latin"])), rng, chance)
    if kind < 0.92:
        return _unspaced(length, chance)
    return _program(length, chance) if kind < 0.97 else _table(length, rng, chance)


@functools.cache
def vocabulary(script: str) -> Words:
    """Words of a script by rank, frequent ones shorter; the Latin ones begin with those of the library's sources."""
    chance, syllables = random.Random(script), _SYLLABLES[script].split()
    found: dict[str, None] = {}
    if script == "latin":
        counts = Counter(word for line in library_lines() for word in re.findall(r"\b[a-z]{1,14}\b", line))
        found = dict.fromkeys(word for word, _ in counts.most_common())
    size = VOCABULARY if script == "latin" else VOCABULARY // 10
    while len(found) < size:
        most = 2 + (len(found) > 100) + (len(found) > size // 50) + 2 * (len(found) > size // 5)
        found["".join(chance.choices(syllables, k=chance.randint(1 if len(found) < 200 else 2, most)))] = None
    return np.array(list(found), object)


@functools.cache
def library_lines() -> list[str]:
    """Lines of the Python library's top modules."""
    sources = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    return [line for one in sources for line in one.read_text(errors="ignore").splitlines() if line.strip()]


@functools.cache
def _ranks(size: int) -> npt.NDArray[np.float64]:
    """Cumulative shares by rank."""
    rank = np.arange(size) + 2.7
    share = np.where(rank < BEND, 1.0 / rank, BEND**0.6 / rank**1.6)
    return np.cumsum(share) / share.sum()


def _prose(length: int, words: Words, rng: np.random.Generator, chance: random.Random) -> str:
    ranks = np.searchsorted(_ranks(len(words)), rng.random(length))
    chosen: list[str] = words[np.minimum(ranks, len(words) - 1)].tolist()
    for at in rng.integers(0, length, length // 80).tolist():
        chosen[at] = chance.choice(_NEW)(chosen[at], chance)
    for at in rng.integers(0, length, length // 12).tolist():
        chosen[at] = chosen[at].capitalize()
    marks = chance.choice([_MARKS, _TYPESET_MARKS])
    ends, text, at = rng.integers(5, 30, length // 5 + 1).tolist(), [], 0
    for end in ends:
        if at >= length:
            break
        sentence = chosen[at : at + end]
        at += end
        cut = len(sentence) // 2
        head, tail = " ".join(sentence[:cut]), " ".join(sentence[cut:])
        joined = (head + chance.choice(marks) + tail) if cut else tail
        text.append(joined[:1].upper() + joined[1:] + chance.choice(_STOPS))
    return "".join(text)


_STOPS = [". "] * 14 + ["? ", "! ", ".\n", ".\n\n", ".\n\n", ".\n\n- ", ':\n\n"', "\n\n## "]


def _unspaced(length: int, chance: random.Random) -> str:
    """Han characters, without spaces."""
    weights = _ranks(len(_HAN)).tolist()
    runs = (chance.choices(_HAN, cum_weights=weights, k=chance.randint(4, 24)) for _ in range(length // 12))
    return "。".join("".join(run) for run in runs) + "。"


def _program(length: int, chance: random.Random) -> str:
    """Lines of real program text in a random order, with identifiers of their own."""
    lines, own = library_lines(), f"{_letters(chance, 6)}_{_letters(chance, 4)}"
    return "\n".join(chance.choice(lines).replace("self", own) for _ in range(length // 8 + 1))


def _table(length: int, rng: np.random.Generator, chance: random.Random) -> str:
    """Rows of numbers and names, as CSV, Markdown or HTML."""
    words = vocabulary("latin")
    before, between, after = chance.choice(
        [("", ",", ""), ("| ", " | ", " |"), ("<tr><td>", "</td><td>", "</td></tr>")]
    )
    rows = []
    for _ in range(length // 10 + 1):
        numbers = [f"{value:.{chance.randint(0, 4)}f}" for value in rng.lognormal(4, 3, 4).tolist()]
        rows.append(before + between.join([str(words[chance.randrange(20_000)]), *numbers]) + after)
    return "\n".join(rows)


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=count))


def _misspelt(word: str, chance: random.Random) -> str:
    at = chance.randrange(len(word))
    return word[:at] + _letters(chance, 1) + word[at + 1 :]


_NEW: list[Callable[[str, random.Random], str]] = [
    _misspelt,
    _misspelt,
    lambda word, chance: word + "".join(chance.choices(_SYLLABLES["latin"].split(), k=2)),
    lambda word, chance: _letters(chance, chance.randint(3, 9)).capitalize(),
    lambda word, chance: str(chance.randrange(10 ** chance.randint(1, 9))),
    lambda word, chance: f"{chance.randrange(1, 29)}/{chance.randrange(1, 13)}/{chance.randrange(1950, 2026)}",
    lambda word, chance: f"${chance.random() * 1000:.2f}",
    lambda word, chance: f"https://www.{_letters(chance, 7)}.com/{word}?id={chance.getrandbits(30)}",
    lambda word, chance: f"{word}_{_letters(chance, 3)}",
    lambda word, chance: chance.choice(_EMOJI) if chance.random() < 0.05 else word.upper(),
]
