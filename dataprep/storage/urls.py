"""Reads host names from URLs and compares them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit


def on_host(url: str, hosts: Iterable[str]) -> bool:
    """Whether `url` lies on one of `hosts` (lower case) or on a subdomain of one."""
    try:
        name = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(name == host or name.endswith(f".{host}") for host in hosts)


def host_of(url: str | None) -> str:
    """The host of `url` in lower case; "" where there is none."""
    try:
        return (urlsplit(url or "").hostname or "").lower()
    except ValueError:
        return ""
