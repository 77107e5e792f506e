"""Writes the README.md of a dataset on the hub from its manifest: what it holds, what was left out, how to read it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from schemas.manifest import Manifest

_SHOWN = 20
"""Inputs that are listed by name."""
_SIZES = [(10**power, f"{low}<n<{high}") for power, low, high in [
    (3, "n", "1K"), (4, "1K", "10K"), (5, "10K", "100K"), (6, "100K", "1M"), (7, "1M", "10M"), (8, "10M", "100M"),
    (9, "100M", "1B"), (10, "1B", "10B"), (11, "10B", "100B"), (12, "100B", "1T")]]  # fmt: skip
"""Samples below the number -> the hub's word for that many."""


def dataset_card(manifest: Manifest, name: str) -> str:
    """The card of the dataset in the repository `name`."""
    parts = [
        _front_matter(manifest),
        f"# {name.partition('/')[2]}\n",
        _contents(manifest),
        _reading(name),
        _rows(manifest),
        _inputs(manifest),
        _removals(manifest),
        f"## Licence\n\n{', '.join(manifest.licences) or 'The manifest names none.'}\n",
    ]
    return "\n".join(part for part in parts if part)


def _front_matter(manifest: Manifest) -> str:
    """The YAML head, each value as JSON, which YAML reads."""
    size = next((word for below, word in _SIZES if manifest.samples < below), "n>1T").replace("n<n<1K", "n<1K")
    head: dict[str, object] = {
        "tags": ["switchpoint", "mds", manifest.kind],
        "size_categories": [size],
        "viewer": False,
    }
    if len(manifest.licences) == 1:
        head |= {"license": "other", "license_name": manifest.licences[0]}
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in head.items()), "---", ""])


def _contents(manifest: Manifest) -> str:
    tokens = manifest.tokens
    counts = [("text", tokens.text), ("visual", tokens.visual), ("caption", tokens.caption), ("padding", tokens.pad)]
    geometry = manifest.geometry
    seen = (
        f" {manifest.images:,} pictures, each {geometry.tokens:,} tokens ({geometry.size} px, patches of "
        f"{geometry.patch} px, {geometry.fit})."
        if geometry
        else ""
    )
    return (
        f"{manifest.samples:,} windows of {manifest.seq_len:,} token ids ({manifest.kind}) in "
        f"{len(manifest.shards):,} MDS shards, packed by Switchpoint.{seen}\n\n"
        f"{_table(('tokens', 'number'), [*counts, ('all', tokens.total)])}\n"
        f"Tokenizer: sha256 of `tokenizer.json` `{manifest.tokenizer.digest}`, {manifest.tokenizer.vocabulary_size:,} "
        f"ids; end of text {manifest.tokenizer.end_of_text_id}, padding {manifest.tokenizer.pad_id}, placeholder of "
        f"an image token {manifest.tokenizer.image_id}.\n\nContent `{manifest.content}`.\n"
    )


def _reading(name: str) -> str:
    return f"""## Reading it

With MosaicML Streaming:

```python
from streaming import StreamingDataset

data = StreamingDataset(remote="hf://datasets/{name}", local="cache", shuffle=False, batch_size=1)
print(data[0]["tokens"][:16])
```

As a source of a Switchpoint curriculum, with a copy of `manifest.json` here:

```yaml
sources:
  mine: {{path: "hf://datasets/{name}", manifest: manifest.json}}
```
"""


def _rows(manifest: Manifest) -> str:
    rows = manifest.rows
    lines = [("read", rows.read), ("written", rows.written)]
    lines += [(f"left out: {reason}", number) for reason, number in sorted(rows.rejected.items())]
    return f"## Rows\n\n{_table(('rows', 'number'), lines)}"


def _inputs(manifest: Manifest) -> str:
    total = sum(one.bytes for one in manifest.inputs)
    shown = "".join(f"- `{_public(one.path)}` ({one.bytes:,} bytes)\n" for one in manifest.inputs[:_SHOWN])
    more = len(manifest.inputs) - _SHOWN
    rest = f"- and {more:,} more, in `manifest.json`\n" if more > 0 else ""
    return f"## Inputs\n\n{len(manifest.inputs):,} files, {total:,} bytes.\n\n{shown}{rest}"


def _public(path: str) -> str:
    """An address as it is, and of a path on somebody's machine the last part."""
    return path if "://" in path else path.rpartition("/")[2]


def _removals(manifest: Manifest) -> str:
    if not manifest.removals:
        return ""
    lines = [(f"{one.date} (revision {one.revision})", one.rows) for one in manifest.removals]
    return f"## Takedowns\n\n{_table(('day', 'rows'), lines)}"


def _table(head: tuple[str, str], lines: Iterable[tuple[str, int]]) -> str:
    body = "".join(f"| {name} | {number:,} |\n" for name, number in lines)
    return f"| {head[0]} | {head[1]} |\n|---|--:|\n{body}"
