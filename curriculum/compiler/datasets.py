"""Reads each dataset's manifest once and keeps the facts that a schedule needs.

A manifest of a large dataset lists a hundred thousand shards and inputs; a sweep compiles hundreds of curricula over
the same datasets. So a `Shelf` reads each once and keeps shard sizes as runs of equal sizes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from common.errors import InputError
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.template import Document
from schemas.conversation_format import ConversationFormat
from schemas.manifest import MANIFEST_NAME, ImageGeometry, Manifest, TokenizerIdentity
from schemas.phases import Source


@dataclass(frozen=True)
class Dataset:
    """Holds the facts of a manifest that a schedule needs."""

    source: Source
    """As the schedule will hold it, except for name and path."""
    seq_len: int
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None
    conversation: ConversationFormat | None
    images: int
    manifest_digest: str
    """sha256 of `manifest.json`."""


class Shelf:
    """Datasets by the place of their manifests, each read once."""

    def __init__(self) -> None:
        self._read: dict[str, Dataset] = {}

    def dataset(self, path: str, manifest: str | None) -> Dataset:
        """The dataset at `path`; `manifest` is a copy of its manifest elsewhere.

        Raises:
            InputError: no manifest, a damaged one, or an empty dataset.
        """
        if "://" in (manifest or path):
            raise InputError(
                "a manifest is read from a local file",
                file=manifest or path,
                remedy="copy manifest.json here and name the copy with 'manifest:' beside 'path:'",
            )
        place = str(Path(manifest)) if manifest else str(Path(path) / MANIFEST_NAME)
        if place not in self._read:
            self._read[place] = _read(place, path)
        return self._read[place]

    def sources(self, curriculum: Curriculum, document: Document) -> dict[str, Dataset]:
        """Datasets by source name, checked to fit each other.

        Raises:
            InputError: a manifest is missing, or tokenizer, sequence length or image geometry disagree.
        """
        found: dict[str, Dataset] = {}
        for name, spec in curriculum.sources.items():
            try:
                found[name] = self.dataset(spec.path, spec.manifest)
            except InputError as error:
                where = f"{error.file}: " if str(error.file) != spec.path else f"{spec.path}: "
                document.refuse(where + error.problem, "sources", name, "path", remedy=error.remedy)
            _refuse_disagreement(name, found, document)
        return found


def _read(place: str, path: str) -> Dataset:
    target = Path(place)
    manifest = Manifest.load_file(target) if target != Path(path) / MANIFEST_NAME else Manifest.load(path)
    if not manifest.samples:
        raise InputError("the dataset holds no samples", file=path, remedy="look at its rejects, or drop the source")
    runs = [(size, len(list(run))) for size, run in groupby(shard.samples for shard in manifest.shards)]
    source = Source(
        name="-",
        path=path,
        content=manifest.content,
        kind=manifest.kind,
        samples=manifest.samples,
        shards=runs,
        tokens=manifest.tokens,
    )
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return Dataset(
        source,
        manifest.seq_len,
        manifest.tokenizer,
        manifest.geometry,
        manifest.conversation_format,
        manifest.images,
        digest,
    )


def _refuse_disagreement(name: str, found: dict[str, Dataset], document: Document) -> None:
    """Compare the newest dataset with those before it."""
    this = found[name]
    for other_name, other in found.items():
        pairs = [
            ("tokenizer", this.tokenizer.digest, other.tokenizer.digest, "tokenize both with the same tokenizer.json"),
            ("special ids", _ids(this.tokenizer), _ids(other.tokenizer), "prepare both with the same special ids"),
            ("sequence length", this.seq_len, other.seq_len, "pack both with the same seq_len"),
            ("image geometry", this.geometry, other.geometry, "pack both for the same encoder"),
            ("conversation format", this.conversation, other.conversation, "make the older one anew"),
        ]
        for what, mine, theirs, remedy in pairs:
            if mine != theirs and mine is not None and theirs is not None:
                problem = f"{what} differs: '{name}' has {_short(mine)}, '{other_name}' has {_short(theirs)}"
                document.refuse(problem, "sources", name, "path", remedy=remedy)


def _ids(tokenizer: TokenizerIdentity) -> str:
    return (
        f"vocabulary {tokenizer.vocabulary_size}, end of text {tokenizer.end_of_text_id}, "
        f"pad {tokenizer.pad_id}, image {tokenizer.image_id}"
    )


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text
