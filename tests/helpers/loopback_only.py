"""Keeps tests on this machine: a name or address of another host is refused before anybody is asked for it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest

_REAL = socket.getaddrinfo
_REAL_CONNECT = socket.socket.connect
_HERE = {"localhost", "localhost.localdomain", "ip6-localhost", "", socket.gethostname()}


class OutsideError(socket.gaierror):
    """A test asked for another host: to the code under test, a name that nobody knows."""


def is_here(host: object) -> bool:
    """Whether `host` is this machine: no name, a name of its own, or a loopback or unspecified address."""
    name = host.decode() if isinstance(host, bytes) else host
    address = _address(name)
    return name is None or name in _HERE or (address is not None and (address.is_loopback or address.is_unspecified))


def _address(name: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return None


def _is_numeric(host: object) -> bool:
    """Whether nobody is asked for `host`: an address, also as one number (`0x7f000002`)."""
    try:
        socket.inet_aton(str(host))
    except OSError:
        return _address(host) is not None
    return True


def _getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
    if not is_here(host) and not _is_numeric(host):
        raise OutsideError(f"a test asks for the host {host!r}: everything a test talks to runs on this machine")
    return _REAL(host, *rest, **more)


def _connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
        raise OutsideError(f"a test connects to {address!r}: everything a test talks to runs on this machine")
    _REAL_CONNECT(self, address)


@pytest.fixture(scope="session", autouse=True)
def loopback_only() -> Iterator[None]:
    """Holds for the whole session, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", _getaddrinfo)
        patch.setattr(socket.socket, "connect", _connect)
        yield
