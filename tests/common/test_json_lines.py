"""Every single flipped bit of a sealed line is found, or leaves what the line says; a torn end is no damage."""

import json

import pytest

from common import json_lines

SAID = {"step": 3, "loss": 2.5, "samples": {"text": 9}, "phase": "a"}


def said(line: bytes) -> object:
    """What a reader makes of a line; None if it is refused."""
    try:
        return json.loads(json_lines.opened(line))
    except ValueError:
        return None


def test_no_flipped_bit_of_a_line_says_something_else() -> None:
    line = json_lines.line(json.dumps(SAID)).encode()
    assert said(line) == SAID
    assert said(json.dumps(SAID).encode()) == SAID, "an older release's"
    extra = 0
    for bit in range(8 * len(line)):
        changed = bytearray(line)
        changed[bit // 8] ^= 1 << bit % 8
        found = said(bytes(changed))
        if isinstance(found, dict) and len(found) > len(SAID):
            extra += 1
            assert {key: found[key] for key in SAID} == SAID, "the seal's name has changed; a strict model refuses it"
        else:
            assert found in (None, SAID), changed
    assert 0 < extra < 40


def test_a_torn_end_is_left_out_and_a_damaged_line_break_is_not() -> None:
    line = json_lines.line(json.dumps(SAID)).encode()
    for cut in range(len(line)):
        assert json_lines.whole(line + line[:cut]) == line
    assert json_lines.whole(line + line) == line + line
    assert json_lines.whole(b"") == b""
    for bit in range(8):
        with pytest.raises(ValueError, match="line break"):
            json_lines.whole(line + line[:-1] + bytes([ord("\n") ^ 1 << bit]))
