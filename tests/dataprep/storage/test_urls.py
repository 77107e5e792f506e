"""A host covers its subdomains and no name that only ends alike; addresses that cannot be read have no host."""

from __future__ import annotations

import pytest

from dataprep.storage.urls import host_of, on_host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a", True),
        ("https://IMG.Example.org.:8443/a", True),
        ("https://badexample.org/a", False),
        ("https://example.org.evil.net/a", False),
        ("https://evil.net/?u=example.org", False),
        ("https://user@example.org/a", True),
        ("http://[::1/a", False),
    ],
)
def test_a_host_and_its_subdomains(url: str, expected: bool) -> None:
    assert on_host(url, ["example.org"]) is expected


def test_the_host_of_an_address() -> None:
    assert host_of("https://IMG.Example.org:80/a") == "img.example.org"
    assert [host_of(url) for url in (None, "", "http://[::1/a", "no scheme")] == ["", "", "", ""]
