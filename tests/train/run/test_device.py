"""A rank that cannot meet the others says so in a line."""

import os
import socket

import pytest
import torch
from composer.utils import dist

from common.errors import InputError
from train.run.device import choose_device


def test_a_port_that_is_taken_is_named_with_the_option_that_takes_another(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("MASTER_PORT", str(taken.getsockname()[1]))

        def meet(device, timeout):
            torch.distributed.TCPStore("127.0.0.1", int(os.environ["MASTER_PORT"]), 2, is_master=True)

        monkeypatch.setattr(dist, "initialize_dist", meet)
        message = r"--master_port: port \d+ is taken on this machine; take another: composer --master_port PORT"
        with pytest.raises(InputError, match=message):
            choose_device()


def test_what_else_keeps_ranks_apart_is_not_taken_for_it(monkeypatch):
    def meet(device, timeout):
        raise RuntimeError("connection refused")

    monkeypatch.setattr(dist, "initialize_dist", meet)
    with pytest.raises(RuntimeError, match="connection refused"):
        choose_device()
