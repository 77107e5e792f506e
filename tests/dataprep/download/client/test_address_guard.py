from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.download.client.address_guard import AddressGuard, AddressInfo
from dataprep.download.client.deadline import Deadline
from dataprep.download.client.reasons import FetchError

PUBLIC = "93.184.215.14"


def infos(*addresses: str) -> list[AddressInfo]:
    return [
        (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in addresses
    ]


class Recorder:
    """Stands for the network: answers names from a script and notes what would be dialled."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.dialled = list(answers), list[Any]()

    def resolve(self, host: str, port: int) -> list[AddressInfo]:
        return infos(*(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]))

    def dial(self, info: AddressInfo, timeout: float) -> socket.socket:
        self.dialled.append(info[4][0])
        raise ConnectionRefusedError("recorded")

    def reason(self, allow: tuple[str, ...] = ()) -> str:
        guard = AddressGuard(allow, resolve=self.resolve, dial=self.dial)
        with pytest.raises(FetchError) as caught:
            guard.connect("a.example", 80, Deadline(10, 10))
        return caught.value.reason


REFUSED = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.9"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2001:0:7f00:1::", "64:ff9b:1::1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *("::ffff:0:127.0.0.1", "::ffff:0:0:1", "100::1", "2001:20::1", "3fff::1", "4000::1", "fdff::1", "ff0e::1"),
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_never_dialled(address: str) -> None:
    network = Recorder([address])
    assert network.reason() == "address"
    assert network.dialled == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", f"::ffff:{PUBLIC}"])
def test_public_addresses_would_be_dialled(address: str) -> None:
    network = Recorder([address])
    assert network.reason() == "connect"
    assert network.dialled == [address]


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    network = Recorder([PUBLIC, "10.0.0.1"])
    assert network.reason() == "address"
    assert network.dialled == []


def test_all_public_addresses_are_tried_in_turn() -> None:
    network = Recorder(["8.8.8.8", "8.8.4.4"])
    assert network.reason() == "connect"
    assert network.dialled == ["8.8.8.8", "8.8.4.4"]


def test_a_name_is_resolved_once_so_it_cannot_change_its_answer_in_between() -> None:
    network = Recorder([PUBLIC], ["127.0.0.1"])
    assert network.reason() == "connect"
    assert network.dialled == [PUBLIC]
    assert network.reason() == "address"
    assert network.dialled == [PUBLIC]


def test_only_what_is_allowed_by_name_is_an_exception() -> None:
    network = Recorder(["127.0.0.1"])
    assert network.reason(allow=("127.0.0.1",)) == "connect"
    assert network.dialled == ["127.0.0.1"]
    assert Recorder(["127.0.0.2"]).reason(allow=("127.0.0.1",)) == "address"
    assert Recorder(["::ffff:10.1.2.3"]).reason(allow=("10.1.0.0/16",)) == "connect"


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    guard = AddressGuard()
    assert guard.permits(ipaddress.IPv6Address(f"::ffff:{address}")) == guard.permits(address)
    if guard.permits(address):
        assert address.is_global
        assert not address.is_private


@given(st.ip_addresses())
def test_whatever_python_calls_special_is_refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not AddressGuard().permits(address)


def test_names_that_do_not_resolve_are_told_from_refused_ones() -> None:
    def resolve(host: str, port: int) -> list[AddressInfo]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(FetchError, match="dns"):
        AddressGuard(resolve=resolve).connect("a.example", 80, Deadline(1, 1))
