from __future__ import annotations

from common.errors import InputError, StorageError
from common.printable import escaped, has_controls


def test_what_would_break_a_line_or_steer_a_terminal_is_spelt_out() -> None:
    for bad, spelt in (("\x1b[2J", r"\x1b[2J"), ("a\u2028b", r"a\u2028b"), ("a\x85b", r"a\x85b"), ("\0", r"\x00")):
        assert has_controls(bad)
        assert escaped(bad) == spelt
    for good in ("", "a b", "é 世界 👩\u200d👩", "a\\nb"):
        assert not has_controls(good)
        assert escaped(good) == good


def test_messages_are_one_line_whatever_they_quote() -> None:
    for error in (InputError("no \x1b[2J such\nfile", file="a\x07b"), StorageError("reset\x1b[0m", file="s3://a\rb")):
        assert str(error).isprintable()
