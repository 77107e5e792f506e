"""No test can ask for another host, by name or by address."""

from __future__ import annotations

import os
import socket

import pytest
import requests

from tests.helpers.loopback_only import OutsideError, is_here


def test_another_host_is_refused_before_anybody_is_asked() -> None:
    with pytest.raises(OutsideError, match=r"a test asks for the host 'example\.invalid'"):
        socket.getaddrinfo("example.invalid", 443)
    with pytest.raises(requests.ConnectionError, match=r"a test asks for the host"):
        requests.get("https://example.invalid/", timeout=5)
    with socket.socket() as one, pytest.raises(OutsideError, match=r"192\.0\.2\.1"):
        one.connect(("192.0.2.1", 80))


def test_this_machine_is_not_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()
    assert is_here("::1")
    assert is_here(b"127.0.0.5")
    assert not is_here("169.254.169.254")


def test_processes_that_tests_start_ask_a_hub_of_this_machine() -> None:
    assert is_here(os.environ["HF_ENDPOINT"].removeprefix("http://").partition(":")[0])
