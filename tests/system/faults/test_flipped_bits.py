"""One bit of a finished dataset is flipped, anywhere: `verify` finds it, whatever file it is in.

`SWITCHPOINT_FLIPS=1000 pytest` of this file tries so many bits of each dataset; `SWITCHPOINT_SEED` names others.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.engine.paths import STAGING
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from dataprep.verify import verify
from tests.helpers import fault_worlds
from tests.helpers.folders import tree

FLIPS = int(os.environ.get("SWITCHPOINT_FLIPS", "300"))
SEED = int(os.environ.get("SWITCHPOINT_SEED", "1"))
pytestmark = pytest.mark.soak
MORE = {"text": {"deduplicate": True, "held_out": 0.2}, "pairs": {"deduplicate": True}}


@pytest.mark.parametrize("job", MORE)
def test_a_flipped_bit_is_found(job: str, tmp_path: Path, tokenizer_dir: Path) -> None:
    given = fault_worlds.settings(job, tmp_path / "in", tokenizer_dir, None)
    out = tmp_path / "out"
    assert fault_worlds.command(job, given | MORE[job], out, tmp_path) == 0
    if job == "pairs":
        remove(str(out), Request(uids=frozenset({"2"})), date="2026-01-01")
    files = [name for name in tree(out) if not name.startswith(STAGING) and not name.endswith(".html")]
    assert {name.partition("/")[0] for name in files} >= {"provenance", "rejects", "checksums.txt"}
    dice = random.Random(SEED)
    for number in range(FLIPS):
        name = files[number % len(files)] if number < len(files) else dice.choice(files)
        place = out / name
        data = place.read_bytes()
        bit = dice.randrange(8 * len(data))
        place.write_bytes(data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :])
        assert found(out, name), f"bit {bit} of {name} (seed {SEED})"
        place.write_bytes(data)
    assert not found(out, "manifest.json")


def found(out: Path, name: str) -> bool:
    """Whether `verify` objects; the parts of `held_out` are verified as a dataset of their own."""
    try:
        return bool(verify(str(out / "held_out" if name.startswith("held_out/") else out))[1])
    except InputError:
        return True
