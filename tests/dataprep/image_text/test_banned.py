"""Lists of what must not get in: a row is refused exactly if a list or a host names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.engine.rejects import RejectError
from dataprep.image_text.banned import Ban, Banned
from dataprep.storage import fingerprint
from schemas.manifest import InputFile

names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)


def listed(path: Path, lines: list[str]) -> InputFile:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return InputFile(path=str(path), bytes=path.stat().st_size, digest=fingerprint.digest(str(path)))


def reason(ban: Ban, uid: str, url: str | None = None) -> str | None:
    try:
        ban.check(uid, url)
    except RejectError as refused:
        return refused.reason
    return None


@settings(max_examples=50, deadline=None)
@given(banned=st.lists(names, max_size=8), others=st.lists(names, max_size=8))
def test_exactly_the_listed_are_refused(
    tmp_path_factory: pytest.TempPathFactory, banned: list[str], others: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    half = len(banned) // 2
    lists = [listed(folder / "a.txt", banned[:half]), listed(folder / "b.txt", ["", *banned[half:], "  "])]
    ban = Ban.of({"banned_uid": lists, "banned_url": []}, [])
    for name in banned + others:
        assert reason(ban, name) == ("banned_uid" if name in banned else None)
        assert reason(ban, "x" * 20, name) is None, "a list of uids says nothing of URLs"


def test_urls_and_hosts(tmp_path: Path) -> None:
    url = "http://a.example/1.jpg"
    ban = Ban.of({"banned_url": [listed(tmp_path / "u.txt", [f"{url}\r"])]}, ["Bad.example."])
    assert reason(ban, url, "http://a.example/2.jpg") is None, "a uid that looks like a listed URL"
    assert reason(ban, "1", url) == "banned_url"
    assert reason(ban, "1", None) is None
    for host, expected in (
        ("bad.example", "banned_host"),
        ("BAD.example", "banned_host"),
        ("cdn.bad.example", "banned_host"),
        ("bad.example.", "banned_host"),
        ("notbad.example", None),
        ("bad.example.org", None),
    ):
        assert reason(ban, "1", f"https://{host}:8080/x") == expected
    assert reason(ban, "1", "http://[broken") is None


def test_a_changed_list_is_read_again(tmp_path: Path) -> None:
    before = Ban.of({"banned_uid": [listed(tmp_path / "l.txt", ["a"])]}, [])
    assert (reason(before, "a"), reason(before, "b")) == ("banned_uid", None)
    after = Ban.of({"banned_uid": [listed(tmp_path / "l.txt", ["b"])]}, [])
    assert (reason(after, "a"), reason(after, "b")) == (None, "banned_uid")


def test_one_or_many() -> None:
    assert Banned.model_validate({"uids": "a.txt", "hosts": ["x"]}) == Banned(uids=["a.txt"], hosts=["x"])
    with pytest.raises(ValueError, match="uids"):
        Banned.model_validate({"uids": 3})
