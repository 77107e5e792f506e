"""Which failures are asked again about, and that a file is in place whole or not at all."""

import errno
from pathlib import Path

import pytest
import requests
import xxhash
from botocore.exceptions import ClientError
from google.api_core.exceptions import NotFound as GoogleNotFound
from google.api_core.exceptions import ServiceUnavailable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from train.loader.cache.download import Order, Patience, check_file, check_samples, fetch
from train.loader.errors import DamagedSourceError, SourceError

GOOD = b"\x03\x00\x00\x00 three samples"
AT_ONCE = Patience(total=1e9, first=0.0)


def order(target: Path) -> Order:
    digest = xxhash.xxh3_64_intdigest(GOOD)
    return Order("shard 'x' of source 'y'", "s3://b/x", target, lambda path: check_file(path, len(GOOD), digest))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outcomes=st.lists(st.sampled_from(["down", "short", "other", "missing", "full"]), max_size=12))
@example(outcomes=["down"] * 10)
def test_a_remote_that_fails_is_asked_again_and_damage_a_few_times(tmp_path_factory, outcomes):
    folder = tmp_path_factory.mktemp("cache")
    left = iter([*outcomes, "good"])

    def download(remote: str, local: str) -> None:
        outcome = next(left)
        Path(local).write_bytes({"short": GOOD[:-1], "other": GOOD[:-1] + b"!"}.get(outcome, GOOD))
        if outcome == "down":
            raise ConnectionError("reset")
        if outcome == "missing":
            raise FileNotFoundError(remote)
        if outcome == "full":
            raise OSError(errno.ENOSPC, "No space left on device")

    final = {"short": DamagedSourceError, "other": DamagedSourceError, "missing": SourceError, "full": SourceError}
    # A full disk is final at once, damage and absence from the third attempt on.
    fatal = [one for n, one in enumerate(outcomes, 1) if one == "full" or (n >= 3 and one in final)]
    if fatal:
        with pytest.raises(final[fatal[0]]):
            fetch(order(folder / "x"), download, AT_ONCE)
        assert not list(folder.iterdir())
    else:
        fetch(order(folder / "x"), download, AT_ONCE)
        assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("x", GOOD)]
        assert not list(left)


def test_patience_ends_and_so_does_a_loader_that_closes(tmp_path):
    def down(remote: str, local: str) -> None:
        raise ConnectionError("reset")

    with pytest.raises(
        SourceError, match=r"cannot be fetched: 1 attempts in 0 s, the last: ConnectionError: reset; mend"
    ):
        fetch(order(tmp_path / "x"), down, Patience(total=0.0))
    with pytest.raises(SourceError, match="cannot be fetched: 1 attempts"):
        fetch(order(tmp_path / "x"), down, Patience(), closing=lambda: True)


def over_http(status: int) -> Exception:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError("no", response=response)


def of_s3(code: str) -> Exception:
    return ClientError({"Error": {"Code": code}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (over_http(404), "is missing or access is denied"),
        (over_http(503), "cannot be fetched: 5 attempts"),
        (of_s3("AccessDenied"), "is missing or access is denied"),
        (of_s3("SlowDown"), "cannot be fetched: 5 attempts"),
        (GoogleNotFound("no such object"), "is missing or access is denied"),
        (ServiceUnavailable("later"), "cannot be fetched: 5 attempts"),
    ],
)
def test_what_remotes_of_each_kind_say(tmp_path, error, message):
    attempts = []

    def download(remote: str, local: str) -> None:
        attempts.append(remote)
        raise error

    with pytest.raises(SourceError, match=message):
        fetch(order(tmp_path / "x"), download, AT_ONCE, closing=lambda: len(attempts) == 5)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_number_of_samples_is_read_from_the_file(held, due):
    head = held.to_bytes(4, "little") + b"more"
    if held == due:
        check_samples(head, due)
    else:
        with pytest.raises(RuntimeError, match=f"it holds {held:,} samples, the manifest says {due:,}"):
            check_samples(head, due)
