"""A prompt is the template that the data has, and text that spells a special token stays text."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tests.helpers import synthetic
from tests.helpers.checkpoints import byte_tokenizer
from train.evaluation.prompts import PromptEncoder


@pytest.mark.parametrize("blind", [False, True])
def test_prompt_is_the_template_and_special_text_stays_text(tmp_path: Path, blind: bool) -> None:
    identity = byte_tokenizer(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    encoder = PromptEncoder(tokenizer, identity, None if blind else synthetic.GEOMETRY)
    first, second = encoder.choices(3, encoder.stem("<|endoftext|>?", image=True), ("a", "bc"))
    images = 0 if blind else synthetic.GEOMETRY.tokens
    assert first.ids[:images] == [identity.image_id] * images
    assert not {identity.image_id, identity.end_of_text_id} & set(first.ids[images:])
    assert (first.question, second.choice, second.choice_length) == (3, 1, 3)
    assert tokenizer.decode(second.ids[images:]) == "USER: <|endoftext|>?\nASSISTANT: bc"
    assert encoder.stem("a", image=False) == encoder.text("USER: a\nASSISTANT:")


@pytest.mark.parametrize(("end", "closed"), [(259, [259]), (None, [])])
def test_the_end_counts_where_a_choice_goes_on_from_another(tmp_path: Path, end: int | None, closed: list[int]) -> None:
    identity = byte_tokenizer(tmp_path)
    encoder = PromptEncoder(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), identity, None, end)
    stem = encoder.stem("which?", image=False)
    for choices, ends in ((("red", "red and blue", "no"), closed), (("Yes", "No"), []), (("a", "a"), [])):
        found = encoder.choices(0, stem, choices)
        assert [one.ids for one in found] == [stem + encoder.text(f" {choice}") + ends for choice in choices]
        assert [one.choice_length for one in found] == [len(choice) + 1 + len(ends) for choice in choices]
