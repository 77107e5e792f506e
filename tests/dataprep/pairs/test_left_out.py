"""Tests of what is known of pairs before they are packed: unfit ones with their reason, and those that are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.pairs.left_out import REASONS, dropped, selection_file, survey_file, verdicts


def survey(out: Path, number: int, columns: dict[str, pa.Array]) -> None:
    file = out / survey_file(number)
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def test_unfit_pairs_have_a_reason_and_a_detail(tmp_path: Path) -> None:
    detail = "a lone \ud800 surrogate".encode("utf-8", "surrogatepass")
    columns = {
        "place": pa.array([0, 3, 7], pa.int64()),
        "reason": pa.array([None, "no_caption", "not_an_image"]),
        "detail": pa.array([None, b"", detail], pa.binary()),
    }
    survey(tmp_path, 12, columns)
    assert verdicts(str(tmp_path), 12) == {3: ("no_caption", ""), 7: ("not_an_image", "a lone \ud800 surrogate")}
    survey(tmp_path, 13, {"place": columns["place"]})
    assert verdicts(str(tmp_path), 13) is None, "an older release looked at them without a verdict"


@pytest.mark.parametrize("places", [[], [5], [0, 2**40, 7]])
def test_a_selection_is_places_and_then_reasons(tmp_path: Path, places: list[int]) -> None:
    file = tmp_path / selection_file(0)
    file.parent.mkdir(parents=True)
    reasons = np.arange(len(places), dtype=np.uint8)
    file.write_bytes(np.array(places, np.int64).tobytes() + reasons.tobytes())
    assert dropped(str(tmp_path), 0) == dict(zip(places, REASONS, strict=False))
