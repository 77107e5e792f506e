from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.download.client.reasons import REASONS, TRANSIENT, FetchError, Reason, message_of, of_status, reason_of


@given(st.sampled_from(sorted(REASONS)), st.text())
def test_a_reason_survives_the_way_through_img2datasets_free_text(reason: str, detail: str) -> None:
    message = str(FetchError(reason, detail))
    assert reason_of(message) == reason
    assert "\n" not in message_of(message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("hash mismatch", "hash_mismatch"),
        ("Image decoding error", "undecodable"),
        ("HTTP Error 200: [success]", "other"),
        ("[no such reason] x", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_foreign_messages_are_mapped_or_other(message: str | None, reason: str) -> None:
    assert reason_of(message) == reason


def test_statuses_are_classed_by_what_to_do_about_them() -> None:
    assert {status: of_status(status) for status in (204, 400, 401, 404, 410, 429, 451, 500, 503, 999)} == {
        204: Reason.HTTP_OTHER,
        400: Reason.HTTP_CLIENT,
        401: Reason.FORBIDDEN,
        404: Reason.GONE,
        410: Reason.GONE,
        429: Reason.RATE_LIMITED,
        451: Reason.FORBIDDEN,
        500: Reason.HTTP_SERVER,
        503: Reason.HTTP_SERVER,
        999: Reason.HTTP_OTHER,
    }
    assert {Reason.RATE_LIMITED, Reason.HTTP_SERVER} < TRANSIENT
    assert not {Reason.GONE, Reason.ADDRESS, Reason.OPTED_OUT} & TRANSIENT
