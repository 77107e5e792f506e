"""Checks the tokenizer by digest: ids mean nothing under another one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from common.errors import InputError
from schemas.manifest import TokenizerIdentity


def checked_tokenizer(path: Path, identity: TokenizerIdentity) -> Path:
    """The `tokenizer.json` at `path` (the file, or its directory), which must be the one that made the data.

    Raises:
        InputError: it is missing, or another one.
    """
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot read the tokenizer ({error.strerror})",
            file=path,
            field="tokenizer",
            remedy="name the tokenizer.json that made the data",
        ) from None
    if digest != identity.digest:
        raise InputError(
            "this tokenizer did not make the data",
            file=path,
            field="tokenizer",
            remedy=f"use the tokenizer.json whose sha256 is {identity.digest[:16]}...",
        )
    return path


def tokenizer_of(given: Path | None, named: Path | None, identity: TokenizerIdentity) -> Path:
    """The `tokenizer.json` for a checkpoint: `given` on the command line, else the one that its run has `named`.

    Raises:
        InputError: there is none, or it is not the one that made the data.
    """
    path = given or named
    if path is None:
        raise InputError("the run names no tokenizer", field="--tokenizer", remedy="give --tokenizer tokenizer.json")
    return checked_tokenizer(path, identity)
