"""The tokenizer, by digest: ids mean nothing under another one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from schemas.errors import InputError
from schemas.manifest import TokenizerIdentity


def check_tokenizer(path: Path, identity: TokenizerIdentity) -> None:
    """Is the `tokenizer.json` at `path` the one that made the data?

    Raises:
        InputError: it is missing, or another one.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the tokenizer ({error.strerror})", file=path, field="tokenizer") from None
    if digest != identity.digest:
        raise InputError(
            "this tokenizer did not make the data",
            file=path,
            field="tokenizer",
            remedy=f"use the tokenizer.json whose sha256 is {identity.digest[:16]}...",
        )
