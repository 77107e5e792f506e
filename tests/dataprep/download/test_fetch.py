from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from dataprep.download.account import FetchError
from dataprep.download.fetch import Fetcher, FetchPolicy, installed
from dataprep.download.guard import AddressGuard, AddressInfo, _dial
from dataprep.image import ImageLimits

Picture = Callable[..., bytes]
LIMITS = ImageLimits(max_bytes=300_000, max_pixels=1_000_000)
POLICY = FetchPolicy(timeout=0.5, total_timeout=1.5, retries=0, opt_out=frozenset(["noai"]), image=LIMITS)


class Network:
    """The real loopback network, with a note of every address that was dialled."""

    def __init__(self, **policy: Any) -> None:
        self.dialled: list[Any] = []
        self.slept: list[float] = []
        guard = AddressGuard(["127.0.0.1"], dial=self.dial)
        self.fetcher = Fetcher(FetchPolicy(**{**POLICY.__dict__, **policy}), guard, sleep=self.slept.append)

    def dial(self, info: AddressInfo, timeout: float) -> Any:
        self.dialled.append(info[4][0])
        assert info[4][0] == "127.0.0.1", "the guard let another address through"
        return _dial(info, timeout)

    def reason(self, url: str) -> str:
        began = time.monotonic()
        with pytest.raises(FetchError) as caught:
            self.fetcher.open(url)
        assert time.monotonic() - began < 4
        return caught.value.reason


def test_good_images_come_through_as_they_are(stranger: Any, picture: Picture) -> None:
    fetch = Network().fetcher.open
    assert fetch(stranger.url("good/7")).read() == picture(7)
    assert fetch(stranger.url("chunked/8")).read() == picture(8)
    assert fetch(stranger.url("short/1")).read() == picture(1)
    assert fetch(stranger.url("redirect//good/9")).read() == picture(9)
    assert fetch(stranger.url("good/3?größe=ä b")).read() == picture(3)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("status/404", "http_gone"),
        ("status/403", "http_forbidden"),
        ("status/429", "http_rate_limited"),
        ("status/418", "http_4xx"),
        ("status/503", "http_5xx"),
        ("status/204", "http_other"),
        ("html/x.jpg", "not_an_image"),
        ("svg/x.jpg", "not_an_image"),
        ("gzip/x.jpg", "not_an_image"),
        ("truncated/x", "body_truncated"),
        ("cut/x", "image_truncated"),
        ("loop/x", "redirects"),
        ("nowhere/x", "redirects"),
        ("endless/x", "body_too_large"),
        ("big/x", "body_too_large"),
        ("drip/x", "timeout"),
        ("dripheader/x", "timeout"),
        ("silent/x", "timeout"),
        ("garbage/x", "protocol"),
        ("optout/x", "opted_out"),
    ],
)
def test_each_failure_has_its_reason_within_its_time(stranger: Any, path: str, reason: str) -> None:
    assert Network().reason(stranger.url(path)) == reason


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "address"),
        ("http://127.0.0.2/", "address"),
        ("http://[::1]/", "address"),
        ("http://[::ffff:169.254.169.254]/", "address"),
        ("http://2852039166/", "address"),
        ("http://0x7f000002/", "address"),
        ("http://0/", "address"),
        ("//169.254.169.254/", "address"),
        ("file:///etc/passwd", "scheme"),
        ("ftp://127.0.0.1/x", "scheme"),
        ("gopher://127.0.0.1/x", "scheme"),
        ("data:image/png;base64,xx", "scheme"),
        ("http://[bad/", "bad_url"),
    ],
)
def test_redirects_lead_nowhere_else(stranger: Any, target: str, reason: str) -> None:
    network = Network()
    assert network.reason(stranger.url(f"redirect/{target}")) == reason
    assert set(network.dialled) == {"127.0.0.1"}


def test_a_redirects_own_body_is_not_read(stranger: Any, picture: Picture) -> None:
    assert Network().fetcher.open(stranger.url("endless/redirect")).read() == picture(1)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "scheme"),
        ("", "scheme"),
        ("http://", "bad_url"),
        ("http://a.example:99999/", "bad_url"),
        ("http://a b.example/", None),
        ("http://" + "a" * 70 + ".example/", "bad_url"),
        ("http://a.example/\r\nHost: b", None),
        ("http://\0/", None),
    ],
)
def test_urls_that_are_no_good_are_not_dialled(url: str, reason: str | None) -> None:
    network = Network()
    assert network.reason(url) in ([reason] if reason else ["bad_url", "dns", "protocol", "scheme"])
    assert network.dialled == []


def test_what_may_pass_is_tried_again_with_longer_waits(stranger: Any, picture: Picture) -> None:
    network = Network(retries=2, backoff=0.5)
    assert network.fetcher.open(stranger.url("flaky/4")).read() == picture(4)
    assert network.slept == [0.5, 1.0]


def test_what_will_not_pass_is_tried_once(stranger: Any) -> None:
    network = Network(retries=3)
    assert network.reason(stranger.url("status/404")) == "http_gone"
    assert network.reason(stranger.url("html/1")) == "not_an_image"
    assert network.slept == []


def test_retry_after_is_kept_to_or_the_attempts_end(stranger: Any) -> None:
    network = Network(retries=1, backoff=0.1, max_wait=9.0)
    assert network.reason(stranger.url("busy/7")) == "http_rate_limited"
    assert network.slept == [7.0]
    assert network.reason(stranger.url("busy/3600")) == "http_rate_limited"
    assert network.slept == [7.0]


def test_installed_serves_urlopen_and_leaves_no_trace(stranger: Any, picture: Picture) -> None:
    before = urllib.request._opener  # type: ignore[attr-defined]
    with installed(Network().fetcher), urllib.request.urlopen(stranger.url("good/2"), timeout=1) as response:
        assert response.read() == picture(2)
    with installed(Network().fetcher), pytest.raises(FetchError, match="scheme"):
        urllib.request.urlopen("file:///etc/passwd")
    assert urllib.request._opener is before  # type: ignore[attr-defined]


def test_proxies_of_the_environment_are_not_used(
    stranger: Any, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.9:9")
    assert Network().fetcher.open(stranger.url("good/5")).read() == picture(5)
