"""Plain data comes out of every protocol; anything that could run, or take the memory, is refused."""

import copyreg
import pickle
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import plain_pickle
from common.errors import InputError

FILE = Path("refs.p")

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data(data: Any, protocol: int) -> None:
    assert plain_pickle.loads(pickle.dumps([data, (1, "x"), data], protocol), FILE) == [data, (1, "x"), data]
    assert plain_pickle.loads(plain_pickle.dumps(data), FILE) == data


def test_texts_of_python_2() -> None:
    assert plain_pickle.loads(b"(lp0\nS'caf\\xe9'\np1\naU\x01\xe9ag1\na.", FILE) == ["café", "é", "café"]


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("this must never run",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_runs(tmp_path: Path, protocol: int, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "refs.p").write_bytes(pickle.dumps([Evil()], protocol))
    with pytest.raises(InputError, match=r"not plain data.*it names .*print"):
        plain_pickle.load(tmp_path / "refs.p")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"cos\nsystem\n(S'ls'\ntR.", "it names os.system"),
        (b"(ios\nsystem\n.", "it names os.system"),
        (b"(cos\nsystem\nS'ls'\no.", "it names os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "it names os.system"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "it names builtins.eval"),
        (b"\x80\x02\x82\xf0.", "it names extension 240"),
        (b"\x80\x02\x83\xf0\x00.", "it names extension 240"),
        (b"\x80\x02\x84\xf0\x00\x00\x00.", "it names extension 240"),
        (b"Psomething\n.", "an object elsewhere"),
        (b"\x80\x02K\x01Q.", "an object elsewhere"),
        (b"\x80\x02X\x01\x00\x00\x00a)R.", "TypeError"),
        (b"\x80\x02X\x01\x00\x00\x00a)\x81.", "TypeError"),
        (b"\x80\x04X\x01\x00\x00\x00a)}\x92.", "TypeError"),
        (b"\x80\x02]}X\x01\x00\x00\x00aK\x01sb.", "AttributeError"),
        (b"\x80\x05\x97.", "UnpicklingError"),
        (b"\x80\x09.", "unsupported pickle protocol: 9"),
        (b"\xff.", "KeyError"),
    ],
)
def test_hostile_opcodes(body: bytes, said: str) -> None:
    with pytest.raises(InputError, match=r"^refs\.p: not plain data in a pickle .*; use the official file$") as caught:
        plain_pickle.loads(body, FILE)
    assert said in str(caught.value)


def test_an_extension_that_the_process_knows_is_refused_too() -> None:
    copyreg.add_extension("builtins", "print", 240)
    try:
        body = pickle.dumps(print, 2)
        assert b"\x82\xf0" in body
        with pytest.raises(InputError, match="extension 240"):
            plain_pickle.loads(body, FILE)
    finally:
        copyreg.remove_extension("builtins", "print", 240)


BOMBS = {
    "an index of 2^32": b"\x80\x02Nr\xff\xff\xff\xff.",
    "an index of 2^26": b"\x80\x02Nr\0\0\0\x04.",
    "an index of 10^18": b"Np" + b"9" * 18 + b"\n.",
    "bytes of 2^40": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
    "text of 2^40": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "a frame of 2^40": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
    "a number of 2^31 bytes": b"\x80\x02\x8b\xff\xff\xff\x7fx.",
    "a key of a million levels": b"\x80\x02})" + b"\x85" * 10**6 + b"Ns.",
    "a key of a million levels and marks": b"\x80\x02}" + b"(" * 10**6 + b"N" + b"t" * 10**6 + b"Ns.",
    "a million lists": b"\x80\x02" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=list(BOMBS))
def test_bombs(tmp_path: Path, body: bytes) -> None:
    """Read or refused, by a process that neither crashes nor takes much memory."""
    (tmp_path / "refs.p").write_bytes(body)
    code = "import sys; from pathlib import Path; from common import plain_pickle, errors\n"
    code += "status = errors.exit_code(lambda: plain_pickle.load(Path(sys.argv[1])) and 0)\n"
    # Of this program alone: `ru_maxrss` begins with the peak of the process that started it.
    code += "peak = Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]\n"
    code += "print(int(peak) >> 10); sys.exit(status)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "refs.p"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)),
    )
    assert done.returncode in (0, 2), done.stderr
    assert done.stderr.count("\n") == (done.returncode == 2)
    assert int(done.stdout) < 300, "MiB"


def test_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pickle.dumps([{"a": [1, 2, 3]}] * 5)
    for length in (0, 1, 10, len(whole) - 1):
        (tmp_path / "refs.p").write_bytes(whole[:length])
        with pytest.raises(InputError):
            plain_pickle.load(tmp_path / "refs.p")
    with pytest.raises(InputError, match="cannot read"):
        plain_pickle.load(tmp_path / "none.p")
    (tmp_path / "refs.p").write_bytes(whole)
    assert plain_pickle.load(tmp_path / "refs.p") == [{"a": [1, 2, 3]}] * 5
    monkeypatch.setattr(plain_pickle, "MAX_BYTES", len(whole) - 1)
    with pytest.raises(InputError, match="larger than"):
        plain_pickle.load(tmp_path / "refs.p")
