from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dataprep.download.client.reasons import TRANSIENT, Reason, of_status, printable


@given(st.text(max_size=300))
def test_what_a_server_says_is_one_line_in_a_report(said: str) -> None:
    assert printable(said).isprintable()
    assert len(printable(said)) == min(len(said), 200)


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
