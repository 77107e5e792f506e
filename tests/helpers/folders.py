"""Writes a folder, and reads it to compare it with another."""

from __future__ import annotations

from pathlib import Path


def tree(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below `folder`, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def shards(dataset: Path) -> dict[str, bytes]:
    """Index and shards of a dataset, by name."""
    return {one.name: one.read_bytes() for one in dataset.iterdir() if one.suffix == ".mds" or one.name == "index.json"}


def put(folder: Path, content: dict[str, bytes]) -> None:
    """Write files below `folder`, by relative path."""
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
