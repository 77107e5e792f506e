"""Pictures that one row shows belong together; a row that packing rejects ties nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dataprep.conversations import ties
from dataprep.conversations.inputs import Source
from dataprep.engine.task_workspace import Scratch
from dataprep.image_text import held_out
from tests.dataprep.conversations.test_task import spec_of


def test_rows_with_several_pictures_that_can_be_read_are_groups(
    tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(picture(n))
    (tmp_path / "copy.jpg").write_bytes(picture(0))
    (tmp_path / "large.jpg").write_bytes(picture(0) + b"\0" * 10_000)

    def row(*images: str) -> dict[str, Any]:
        said = [{"from": "human", "value": "<image>" * len(images) + "\nWhat?"}, {"from": "gpt", "value": "That."}]
        return {"image": list(images), "conversations": said}

    rows = [row("0.jpg"), row("0.jpg", "1.jpg"), row("2.jpg", "none.jpg"), row("copy.jpg", "2.jpg")]
    rows += [row("1.jpg", "large.jpg"), row("../0.jpg", "1.jpg"), {"image": 3}]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    source = Source.of(str(path))
    (span,) = source.spans(100)
    spec = spec_of(tmp_path, tokenizer_dir, held_out=0.5, images={"max_bytes": 10_000})
    digests = [held_out.digest(picture(n)) for n in range(3)]
    receipt = ties.groups((0, source, span), Scratch(str(tmp_path / "out"), tmp_path), spec)
    assert receipt == {"groups": [digests[:2], [digests[0], digests[2]]]}
    assert held_out.tied(receipt["groups"]) == dict.fromkeys(digests, min(digests))
