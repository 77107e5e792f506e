from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dataprep.download.client.address_guard import AddressGuard, AddressInfo, _dial, _resolve
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.client.reasons import FetchError
from dataprep.images.inspect import ImageFault
from tests.helpers.stranger import HOSTILE

Picture = Callable[..., bytes]
# Patient where the server answers, so that a loaded machine is not taken for a slow server.
POLICY = FetchPolicy(timeout=30, total_timeout=60, retries=0, opt_out=frozenset(["noai"]), max_bytes=300_000)
HASTY = {"timeout": 1.0, "total_timeout": 2.0}
AFTERWARDS = {ImageFault.TOO_MANY_PIXELS, ImageFault.TRUNCATED, ImageFault.ANIMATED}
"""Found when the body is here (`engine`)."""


class Network:
    """The real loopback network, with a note of every address that was dialled, and names that a test scripts."""

    def __init__(self, names: dict[str, list[str]] | None = None, **policy: Any) -> None:
        self.dialled: list[Any] = []
        self.slept: list[float] = []
        self.names = names or {}
        guard = AddressGuard(["127.0.0.1"], dial=self.dial, resolve=self.resolve)
        settings = FetchPolicy(**{**POLICY.__dict__, **policy})
        self.fetcher = Fetcher(settings, guard, sleep=self.sleep, clock=lambda: sum(self.slept))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def resolve(self, host: str, port: int) -> Sequence[AddressInfo]:
        """A scripted name gives its next answer, the last one for ever."""
        answers = self.names.get(host)
        return _resolve(host if not answers else answers.pop(0) if len(answers) > 1 else answers[0], port)

    def dial(self, info: AddressInfo, timeout: float) -> Any:
        self.dialled.append(info[4][0])
        assert info[4][0] == "127.0.0.1", "the guard let another address through"
        return _dial(info, timeout)

    def reason(self, url: str) -> str:
        with pytest.raises(FetchError) as caught:
            self.fetcher.open(url)
        return caught.value.reason


def test_good_images_come_through_as_they_are(stranger: Any, picture: Picture) -> None:
    fetch = Network().fetcher.open
    assert fetch(stranger.url("good/7")).read() == picture(7)
    assert fetch(stranger.url("chunked/8")).read() == picture(8)
    assert fetch(stranger.url("short/1")).read() == picture(1)
    assert fetch(stranger.url("redirect//good/9")).read() == picture(9)
    assert fetch(stranger.url("good/3?größe=ä b")).read() == picture(3)


@pytest.mark.parametrize("path", [path for path, reason in HOSTILE.items() if reason not in AFTERWARDS])
def test_each_kind_of_hostility_has_its_reason(stranger: Any, path: str) -> None:
    network = Network(**HASTY if HOSTILE[path] == "timeout" else {})
    assert network.reason(stranger.url(path)) == HOSTILE[path]
    assert set(network.dialled) == {"127.0.0.1"}


def test_a_drip_ends_with_the_total_time_though_no_wait_is_long(stranger: Any) -> None:
    began = time.monotonic()
    assert Network(timeout=30.0, total_timeout=1.0).reason(stranger.url("drip/x")) == "timeout"
    assert time.monotonic() - began < 20  # the server drips for as long as the test runs


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://0x7f000002/", "address"),
        ("http://0/", "address"),
        ("//169.254.169.254/", "address"),
        ("gopher://127.0.0.1/x", "scheme"),
        ("data:image/png;base64,xx", "scheme"),
        ("http://[bad/", "bad_url"),
    ],
)
def test_redirects_lead_nowhere_else(stranger: Any, target: str, reason: str) -> None:
    network = Network()
    assert network.reason(stranger.url(f"redirect/{target}")) == reason
    assert set(network.dialled) == {"127.0.0.1"}


def test_a_name_that_resolves_to_a_private_address_is_not_dialled() -> None:
    network = Network({"intranet.example": ["10.0.0.5"]})
    assert network.reason("http://intranet.example/x") == "address"
    assert network.dialled == []


def test_a_name_that_changes_between_look_ups_is_judged_each_time(stranger: Any, picture: Picture) -> None:
    """The name leads to the server, which redirects to the same name; by then it leads to the metadata service."""
    network = Network({"rebind.example": ["127.0.0.1", "169.254.169.254"]})
    again = f"http://rebind.example:{stranger.port}/good/1"
    assert network.reason(f"http://rebind.example:{stranger.port}/redirect/{again}") == "address"
    assert network.dialled == ["127.0.0.1"]
    steady = Network({"steady.example": ["127.0.0.1"]})
    assert steady.fetcher.open(f"http://steady.example:{stranger.port}/good/1").read() == picture(1)


def test_a_redirects_own_body_is_not_read(stranger: Any, picture: Picture) -> None:
    assert Network().fetcher.open(stranger.url("endless/redirect")).read() == picture(1)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "scheme"),
        ("", "bad_url"),
        ("nan", "bad_url"),
        ("//a.example/x.jpg", "bad_url"),
        ("http://[::1", "bad_url"),
        ("http://[zz]/", "bad_url"),
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


def test_only_ports_of_the_web_are_dialled() -> None:
    network = Network({"public.example": ["8.8.8.8"]}, ports=frozenset([80, 8080]))
    for url in ("http://public.example:25/", "https://public.example/", "http://public.example:0/"):
        assert network.reason(url) == "port"
    assert network.dialled == []
    with pytest.raises(AssertionError, match="let another address through"):
        network.fetcher.open("http://public.example:8080/")


def test_what_is_no_tls_is_not_spoken_to_in_the_clear(stranger: Any) -> None:
    stranger.requests.clear()
    assert Network(retries=2).reason(stranger.url("good/1").replace("http:", "https:")) == "tls"
    assert stranger.requests == []


def test_what_may_pass_is_tried_again_with_longer_waits(stranger: Any, picture: Picture) -> None:
    network = Network(retries=2, backoff=0.5)
    assert network.fetcher.open(stranger.url("flaky/4")).read() == picture(4)
    assert network.slept == [0.5, 1.0]


def test_what_will_not_pass_is_tried_once(stranger: Any) -> None:
    network = Network(retries=3)
    assert network.reason(stranger.url("status/404")) == "http_gone"
    assert network.reason(stranger.url("html/1")) == "not_an_image"
    assert network.reason(stranger.url("tiff/1")) == "unsupported_image"
    assert network.slept == []


def test_retry_after_is_kept_to_or_the_attempts_end(stranger: Any) -> None:
    network = Network(retries=1, backoff=0.1, max_wait=9.0)
    assert network.reason(stranger.url("busy/7")) == "http_rate_limited"
    assert network.slept == [7.0]
    assert network.reason(stranger.url("busy/3600")) == "http_rate_limited"
    assert network.slept == [7.0, 7.0]  # the first answer's wish still stood


def test_a_host_that_wants_to_be_left_alone_for_long_is_not_asked_again(stranger: Any) -> None:
    network = Network(retries=3, max_wait=9.0)
    assert network.reason(stranger.url("busy/3600")) == "http_rate_limited"
    before = len(network.dialled)
    assert network.reason(stranger.url("good/1")) == "http_rate_limited"
    assert len(network.dialled) == before
    assert network.slept == []


def test_a_host_without_answers_is_given_up_whatever_its_urls(stranger: Any, picture: Picture) -> None:
    """Port 9 of the loopback refuses; names that are refused for their address are no news of the host."""
    network = Network({"dead.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}, host_failures=3, retries=1)
    assert [network.reason(f"http://dead.example:9/{n}") for n in range(4)] == ["connect", *["host_down"] * 3]
    assert len(network.dialled) == 3
    assert {network.reason(f"http://inside.example/{n}") for n in range(5)} == {"address"}
    assert network.fetcher.open(stranger.url("good/1")).read() == picture(1)


def test_connections_to_a_host_are_limited(stranger: Any) -> None:
    fetch = Network(host_connections=2).fetcher.open
    stranger.most_at_once = 0
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(fetch, [stranger.url(f"slow/{n}") for n in range(16)]))) == 16
    assert stranger.most_at_once <= 2


def test_robots_txt_is_asked_for_once_and_kept_to(stranger: Any, picture: Picture) -> None:
    stranger.requests.clear()
    stranger.robots = (200, b"User-agent: *\nDisallow: /good/1\nAllow: /good/1$")
    try:
        network = Network(robots_txt=True)
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(network.fetcher.open, stranger.url(f"good/{n}")) for n in (1, 2, 12)]
        assert [one.exception() is None for one in asked] == [True, True, False]
        assert "robots_txt" in str(asked[2].exception())
        assert network.reason(stranger.url("redirect//good/13")) == "robots_txt"
        assert stranger.requests.count("/robots.txt") == 1
        assert "/good/12" not in stranger.requests
        stranger.robots = (503, b"")
        assert Network(robots_txt=True).reason(stranger.url("good/2")) == "robots_unavailable"
        stranger.robots = (404, b"")
        assert Network(robots_txt=True).fetcher.open(stranger.url("good/12")).read() == picture(12)
    finally:
        stranger.robots = (404, b"")


def test_proxies_of_the_environment_are_not_used(
    stranger: Any, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.9:9")
    assert Network().fetcher.open(stranger.url("good/5")).read() == picture(5)
