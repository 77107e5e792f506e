from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.download.client.reasons import FetchError
from dataprep.download.client.robots_txt import MAX_BYTES, RobotsCache, parse


def allows(text: str, path: str, agent: str = "switchpoint") -> bool:
    return parse(text.encode()).can_fetch("http://a.example" + path, agent)


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /", "/x.jpg", False),
        ("Disallow:", "/x.jpg", True),
        ("Disallow: /img\nAllow: /img/public", "/img/public/1.jpg", True),
        ("Allow: /img/public\nDisallow: /img", "/img/private/1.jpg", False),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Disallow: /*.jpg$", "/a/b.jpg", False),
        ("Disallow: /*.jpg$", "/a/b.jpg?x=1", True),
        ("Disallow: /*.jpg", "/a/b.jpg?x=1", False),
        ("Disallow: /*private*/x", "/my-private-dir/x/1", False),
        ("Disallow: /*private*/x", "/x/private", True),
        ("Disallow: /*?size=", "/a?size=1", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /%7Euser", "/~user/x", False),
        ("Disallow: /~user", "/%7euser/x", False),
        ("disallow : /x # why", "/x", False),
        ("Sitemap: http://a.example/\nDisallow: /x", "/x", False),
        ("no colon here\nDisallow: /x", "/x", False),
    ],
)
def test_the_longest_rule_decides(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", path) is allowed


def test_our_own_group_replaces_the_one_for_everybody() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-Agent: SwitchPoint\nDisallow: /private\n"
    assert allows(text, "/x")
    assert not allows(text, "/private")
    assert not allows(text, "/x", agent="third")
    assert allows("User-agent: other\nDisallow: /\n", "/x")
    assert not allows("User-agent: switchpoint\nAllow: /a\n\nUser-agent: switchpoint\nDisallow: /\n", "/b")


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=300), st.text(max_size=50))
def test_any_bytes_are_taken(body: bytes, path: str) -> None:
    assert parse(body).can_fetch("http://a.example/" + path, "switchpoint") in (True, False)


def test_a_pattern_made_to_backtrack_costs_nothing() -> None:
    rules = parse(b"User-agent: *\nDisallow: /" + b"a*" * 5000 + b"b$\n")
    began = time.process_time()
    assert rules.can_fetch("http://a.example/" + "a" * 8000, "switchpoint")
    assert time.process_time() - began < 2


def test_a_file_of_many_agents_with_many_rules_is_not_read() -> None:
    """Rules of all agents of one group: 12,000 agents of 20,000 rules would be 240 million."""
    body = b"".join(b"User-agent: b%d\n" % i for i in range(12_000)) + b"Disallow: /\n" * 20_000
    cache = RobotsCache(lambda origin: (200, body), "switchpoint")
    with pytest.raises(FetchError, match=r"robots_unavailable.*12,000 agents in"):
        cache.check("http://a.example", "/")


def test_a_long_file_is_read_in_part() -> None:
    forbids = b"\nUser-agent: *\nDisallow: /\n"
    assert not parse(b"#" * 9 + forbids).can_fetch("http://a.example/x", "switchpoint")
    assert parse(b"#" * MAX_BYTES + forbids).can_fetch("http://a.example/x", "switchpoint")


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, "robots_txt"), (404, None), (403, None), (429, "robots_unavailable"), (500, "robots_unavailable")],
)
def test_the_status_says_what_holds_and_it_is_asked_once(status: int, reason: str | None) -> None:
    asked = []

    def load(origin: str) -> tuple[int, bytes]:
        asked.append(origin)
        return status, b"User-agent: *\nDisallow: /x\n"

    cache = RobotsCache(load, "switchpoint")
    for _ in range(3):
        if reason is None:
            cache.check("http://a.example", "/x")
        else:
            with pytest.raises(FetchError) as caught:
                cache.check("http://a.example", "/x")
            assert caught.value.reason == reason
    assert asked == ["http://a.example"]


def test_a_host_without_an_answer_fails_with_its_own_reason() -> None:
    def load(origin: str) -> tuple[int, bytes]:
        raise FetchError("address", "10.0.0.1")

    cache = RobotsCache(load, "switchpoint")
    for _ in range(2):
        with pytest.raises(FetchError, match="address"):
            cache.check("http://a.example", "/")
