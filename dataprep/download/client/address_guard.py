"""Decides which hosts may be dialled, for the very address that is then dialled.

Lists of URLs come from strangers. `http://localhost:9200/`, a redirect to the cloud's metadata service, a DNS name
that answers with 10.0.0.5 the second time: from inside a cluster each of them reaches what the stranger cannot.
Checking the URL is not enough, and checking the name before connecting leaves a gap in which DNS may change its
answer. So the name is resolved once, every address of the answer is judged, and the socket is connected to that
sockaddr, never to the name again. One refused address refuses the host: a public name that also resolves to a private
address is an attack or a mistake, not a picture.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Any

from common import resources
from dataprep.download.client.deadline import Deadline
from dataprep.download.client.reasons import FetchError, Reason

WEB = frozenset([80, 443])
"""Ports of http and https. Behind others a stranger's list may name mail servers and databases."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AddressInfo = tuple[int, int, int, str, Any]
"""(family, type, protocol, canonical name, sockaddr), as `socket.getaddrinfo` returns it."""

# `is_global` covers the registries of special addresses; these are globally routable by them, yet not for us.
_ALSO_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # a cloud's host agent, reachable from its machines only
        "192.0.0.0/24",  # protocol assignments, a cloud's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "2002::/16",  # 6to4: carries any IPv4 address inside
        "2001::/23",  # protocol assignments: Teredo, likewise, and others without hosts
        "3fff::/20",  # documentation
        "64:ff9b::/96",  # NAT64: likewise
        "64:ff9b:1::/48",
        "::/96",  # IPv4-compatible, long deprecated
        "fec0::/10",  # site-local, long deprecated
        "fd00:ec2::/32",  # a cloud's IPv6 metadata
    )
)


def _resolve(host: str, port: int) -> Sequence[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[return-value]


def _dial(info: AddressInfo, timeout: float) -> socket.socket:
    family, kind, protocol, _, sockaddr = info
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(timeout)
        connection.connect(sockaddr)
    except BaseException:
        connection.close()
        raise
    return connection


class AddressGuard:
    """Resolve, judge and connect; holds no state but the explicit exceptions.

    Args:
        allow: networks that are reached although they are not public, for tests and demonstrations.
        resolve: (host, port) -> addresses; replaced in tests by names that change their answer.
        dial: (address, seconds) -> connected socket; replaced in tests by one that records and never dials.
    """

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        resolve: Callable[[str, int], Sequence[AddressInfo]] = _resolve,
        dial: Callable[[AddressInfo, float], socket.socket] = _dial,
    ) -> None:
        self._allow = tuple(ipaddress.ip_network(text, strict=False) for text in allow)
        self._resolve, self._dial = resolve, dial
        self._judged = functools.lru_cache(4096)(self._judge)  # a popular host's address is judged once

    def permits(self, address: Address) -> bool:
        """Whether `address` may be dialled; an IPv4 address inside an IPv6 one is judged as the IPv4 address."""
        address = _unmapped(address)
        if _within(address, self._allow):
            return True
        return (
            address.is_global
            and not address.is_multicast
            and not address.is_reserved
            and not _within(address, _ALSO_REFUSED)
        )

    def _is_allowed(self, address: str) -> bool:
        return _within(_unmapped(ipaddress.ip_address(address.partition("%")[0])), self._allow)

    def _judge(self, address: str) -> bool:
        return self.permits(ipaddress.ip_address(address.partition("%")[0]))

    def connect(self, host: str, port: int, deadline: Deadline, ports: Collection[int] = WEB) -> socket.socket:
        """A connected socket, to an address that was judged.

        Args:
            ports: that may be dialled; addresses that are named in `allow` are dialled on any port.

        Raises:
            FetchError: no such name (DNS), a refused address (ADDRESS) or PORT, no connection (CONNECT, TIMEOUT).
        """
        try:
            infos = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            resources.check_files(host)  # the resolver does not say so
            raise FetchError(Reason.DNS, str(error)) from None
        for info in infos:
            if not self._judged(str(info[4][0])):
                raise FetchError(Reason.ADDRESS, f"{host} is {info[4][0]}")
            if port not in ports and not self._is_allowed(str(info[4][0])):
                raise FetchError(Reason.PORT, str(port))
        failure = FetchError(Reason.DNS, f"{host} has no address")
        for info in infos:
            try:
                return self._dial(info, deadline.left())
            except TimeoutError:
                failure = FetchError(Reason.TIMEOUT, f"connecting to {info[4][0]}")
            except OSError as error:
                resources.check(error, host)
                failure = FetchError(Reason.CONNECT, str(error))
        raise failure


def _unmapped(address: Address) -> Address:
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
