"""Reads the manifest of a finished dataset."""

from __future__ import annotations

from common.errors import InputError
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, Manifest


def load_manifest(root: str) -> Manifest:
    """The manifest of the dataset at any URI.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if files.is_local(root):
        return Manifest.load(root)
    uri = files.join(root, MANIFEST_NAME)
    if not files.exists(uri):
        raise InputError("no manifest.json, so this is not a finished dataset", file=root, remedy="run the job again")
    try:
        return Manifest.model_validate_json(files.read_bytes(uri))
    except ValueError as error:
        raise InputError(f"damaged manifest: {error}", file=uri) from None
