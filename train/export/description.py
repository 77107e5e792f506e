"""Defines `switchpoint.json`, which describes an export, and checks the export's files against the digests in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from common import file_digests, seal
from common.errors import InputError
from schemas.conversation_format import VERSION_1, ConversationFormat
from schemas.manifest import ImageGeometry, TokenizerIdentity
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

log = logging.getLogger(__name__)
PROVENANCE = "switchpoint.json"
CARD = "README.md"
_READ = (".json", ".safetensors", ".bin", ".jinja", ".py")
"""Endings of the files that transformers looks for in a model's folder."""
_REMEDY = "copy the folder anew, or export again"


class Exported(Strict):
    """`switchpoint.json` in an export: where the model came from, and what its ids and pixels mean."""

    version: Literal[1] = 1
    checkpoint: str
    position: int
    """Samples trained on."""
    past: str
    """Hash of the schedule up to there."""
    schedule: str
    """Hash of the whole schedule."""
    architecture: str
    """Class of the model in transformers, or in `modeling_switchpoint.py`."""
    dtype: str
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None
    """None for a model without an image side."""
    conversation: ConversationFormat = VERSION_1
    """How to put a question, and where the answer ends."""
    packages: dict[str, str]
    digests: dict[str, str] | None = None
    """xxh3 of every other file, by its path in the export; None in exports of older releases."""
    seal: str | None = None
    """The digest of all that is said here."""


def write(folder: Path, told: Exported) -> Exported:
    """Write `switchpoint.json` for the files in `folder`, as the last file; returns what it says."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): file_digests.of_file(path) for path in files}
    whole = told.model_copy(update={"digests": found})
    text = seal.sealed(whole.model_dump_json(exclude={"seal"}))
    (folder / PROVENANCE).write_text(text, encoding="utf-8")
    return Exported.model_validate_json(text)


def described(path: Path) -> Exported:
    """Returns what `switchpoint.json` of the export at `path` says; its other files are not read.

    Raises:
        InputError: it is not an export of this trainer, or its `switchpoint.json` does not say what was saved.
    """
    data = b""
    try:
        data = (path / PROVENANCE).read_bytes()
        said: dict[str, Any] = json.loads(data)
        found = Exported.model_validate(said)
    except (OSError, ValueError, RecursionError):
        refuse_later("export", data, path / PROVENANCE)
        raise InputError(
            f"not an export of this trainer (no sound {PROVENANCE})", file=path, remedy="run `python -m train export`"
        ) from None
    is_older = found.digests is None and found.seal is None
    if not is_older and (found.digests is None or not seal.is_sealed(said)):
        raise _damaged(f"{PROVENANCE} does not say what was saved", path)
    return found


def checked(path: Path) -> Exported:
    """Compares the files of the export at `path` with their digests; returns what `switchpoint.json` says.

    A warning says that nothing was compared where an older release has written no digests.

    Raises:
        InputError: it is not an export of this trainer, or a file of it is another one.
    """
    found = described(path)
    if found.digests is None:
        log.warning("%s: exported by an older release, without digests: its files are not verified", path)
        return found
    for problem in problems(path, found.digests):
        raise _damaged(problem, path)
    return found


def problems(path: Path, digests: dict[str, str]) -> Iterator[str]:
    """Lists files of an export that are missing, changed or added; the model card is for people, and may change.

    Raises:
        InputError: a file cannot be read.
    """
    try:
        yield from file_digests.differing(path, {name: digest for name, digest in digests.items() if name != CARD})
        for file in sorted(path.iterdir()):
            if file.suffix in _READ and file.name not in {PROVENANCE, *digests}:
                yield f"{file.name} is not a file of it"
    except OSError as error:
        raise InputError(f"cannot read the export ({error.strerror})", file=path, remedy=_REMEDY) from None


def _damaged(problem: str, path: Path) -> InputError:
    return InputError(f"this export is damaged: {problem}", file=path, remedy=_REMEDY)
