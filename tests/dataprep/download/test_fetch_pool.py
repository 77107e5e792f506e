"""What img2dataset's downloader makes of a hostile server, judged and spooled; no Spark here."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataprep.download.client.address_guard import AddressGuard
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.client.reasons import Reason
from dataprep.download.fetch_pool import Failure, Outcome, Picture, Spool, fetch_into
from dataprep.images.inspect import ImageLimits
from tests.helpers.stranger import HOSTILE, ODD, odd_picture

POLICY = FetchPolicy(timeout=30, total_timeout=60, retries=0, opt_out=frozenset(["noai"]), max_bytes=300_000)


def outcomes(stranger: Any, folder: Path, paths: list[str]) -> tuple[dict[str, Outcome], dict[str, bytes]]:
    spool = Spool(folder / "spool", ImageLimits(max_bytes=300_000))
    fetcher = Fetcher(POLICY, AddressGuard(["127.0.0.1"]))
    fetch_into(spool, [{"uid": path, "url": stranger.url(path)} for path in paths], folder / "round", fetcher, 4)
    stored = {uid: spool.read(one) for uid, one in spool.outcomes.items() if isinstance(one, Picture)}
    spool.close()
    return spool.outcomes, stored


def test_hostile_rows_fail_with_their_reason_and_odd_pictures_pass(stranger: Any, tmp_path: Path) -> None:
    prompt = {path: reason for path, reason in HOSTILE.items() if reason != "timeout"}
    found, stored = outcomes(stranger, tmp_path, [*prompt, *ODD])
    assert {uid: one.reason for uid, one in found.items() if isinstance(one, Failure)} == prompt
    assert stored.keys() == set(ODD)
    assert stored["cmyk/x"] == odd_picture("cmyk")
    assert stored["sixteen/x"] == odd_picture("sixteen")


@pytest.mark.parametrize("orientation", [2, 6])
def test_pictures_are_stored_upright_with_the_hash_of_what_came(
    stranger: Any, tmp_path: Path, orientation: int
) -> None:
    path = f"rotated/{orientation}"
    found, stored = outcomes(stranger, tmp_path, [path])
    picture = found[path]
    assert isinstance(picture, Picture)
    assert picture.orientation == orientation
    assert picture.info.orientation == 1
    came, turned = (
        np.asarray(Image.open(io.BytesIO(data)), float) for data in (odd_picture(str(orientation)), stored[path])
    )
    expected = np.rot90(came, -1) if orientation == 6 else came[:, ::-1]
    assert (picture.info.height, picture.info.width) == expected.shape[:2]
    assert np.abs(turned - expected).mean() < 3


def test_what_is_no_address_is_a_bad_url_and_what_img2dataset_fails_at_is_other(tmp_path: Path, stranger: Any) -> None:
    """Its text is kept, and can never name a reason of ours."""
    rows = [{"uid": "a", "url": "no scheme at all"}, {"uid": "b", "url": None}, {"uid": "c", "url": "row:0"}]
    spool = Spool(tmp_path / "spool", ImageLimits())
    fetch_into(spool, rows, tmp_path / "round", Fetcher(POLICY, AddressGuard(["127.0.0.1"])), 2)
    spool.write(None, "", None, {"uid": "d", "status": "failed_to_resize", "error_message": "[http_gone] x\ny"})
    spool.close()
    assert spool.outcomes == {
        "a": Failure(Reason.BAD_URL, "unknown url type: 'no scheme at all'"),
        "b": Failure(Reason.BAD_URL, "unknown url type: ''"),
        "c": Failure("scheme", "row"),
        "d": Failure("other", "[http_gone] x y"),
    }
