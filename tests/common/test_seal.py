"""A seal finds every change of what an object says, and an object without one is an older release's."""

import json

import pytest

from common import seal


@pytest.mark.parametrize("change", [{"position": 9}, {"seal": ""}, {"more": None}])
def test_a_seal_holds_what_is_said(change: dict[str, object]) -> None:
    said = json.loads(seal.sealed('{"position": 8, "names": ["a"]}'))
    assert seal.is_sealed(said)
    assert seal.is_sealed(dict(reversed(said.items()))), "whatever the order of keys"
    assert not seal.is_sealed({**said, **change})
    del said["seal"]
    assert not seal.is_sealed(said)


def test_what_was_sealed_is_opened_and_what_was_changed_is_not() -> None:
    text = seal.sealed('{"position": 8, "rate": 0.001}')
    assert seal.opened(text) == seal.opened(text.encode()) == {"position": 8, "rate": 0.001}
    assert seal.opened('{"position": 8}') == {"position": 8}, "an older release's"
    for changed in (
        text.replace("8", "9"),
        text.replace("0.001", "0.002"),
        "[]",
        "[" * 99_999,
        '{"a": 1, "seal": null}',
    ):
        with pytest.raises(ValueError, match=r"seal does not fit|not a JSON object|Invalid JSON"):
            seal.opened(changed)


def test_no_flipped_bit_of_a_sealed_text_leaves_another_text() -> None:
    said = "rate: 0.001\nout: a/b\n"
    text = seal.sealed_text(said)
    assert seal.text_fits(text)
    assert seal.text_fits(said), "a person's"
    assert seal.text_fits("")
    for bit in range(8 * len(text)):
        data = bytearray(text.encode())
        data[bit // 8] ^= 1 << bit % 8
        changed = data.decode("latin-1")
        assert not seal.text_fits(changed) or changed.endswith("\n" + said), changed
