"""Curricula in, schedules out: exact positions, refusals that name file, line, key and remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.compiler.compile_curriculum import Compiled, compile_curriculum
from curriculum.language.template import Template
from schemas.order.mixing import SHARE_UNIT

HEAD = """\
seed: 7
global_batch: 32
trunk: 1_280_000
sources:
  text: {path: text}
  pairs: {path: pairs, exhausted: repeat, max_passes: 4}
  chat: {path: chat, exhausted: repeat, max_passes: 8}
learning_rate: {peak: 3e-3, warmup: 10 steps, shape: cosine, floor: 3e-5, over: 100%}
phases:
"""
THREE = """\
  - {name: text, until: 80%, mix: {text: 1}}
  - name: image-text
    for: 256_000
    mix: {text: 0.85, pairs: 0.15}
    learning_rate: {continue: linear, floor: 0}
  - name: fine-tuning
    passes: {chat: 2}
    mix: {chat: 1}
    learning_rate: {rewarm: 1e-3, warmup: 5%, shape: cosine, floor: 0}
    freeze: [encoder]
"""

Compile = Callable[[str], Compiled]


@pytest.fixture
def compiled(dataset: Callable[..., Path], tmp_path: Path) -> Compile:
    dataset("text", samples=20_000)
    dataset("pairs", "pairs", 1000)
    dataset("chat", "conversations", 333)

    def compile_text(text: str) -> Compiled:
        (tmp_path / "c.yaml").write_text(text)
        return compile_curriculum(Template.read(Path("c.yaml")).fill())

    return compile_text


def refusal(compiled: Compile, text: str) -> str:
    with pytest.raises(InputError) as caught:
        compiled(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_three_stages_stand_on_exact_samples(compiled: Compile) -> None:
    schedule = compiled(HEAD + THREE).schedule
    text, mixed, tuning = schedule.phases
    assert (text.start, text.stop) == (0, 8000)  # 80 % of 1,280,000 tokens, in samples of 128
    assert (mixed.start, mixed.stop) == (8000, 10_000)
    assert mixed.shares == [850_000_000, 150_000_000, 0]
    assert tuning.start == 10_000
    assert schedule.total_samples == (10_000 + 2 * 333) // 32 * 32
    assert schedule.counts(10_000) == {"text": 9700, "pairs": 300, "chat": 0}
    assert tuning.freeze == ["encoder"]


def test_the_learning_rate_goes_on_without_a_jump(compiled: Compile) -> None:
    schedule = compiled(HEAD + THREE).schedule
    assert schedule.lr(0) == 0
    assert schedule.lr(320) == 3e-3
    assert schedule.lr(8000) == pytest.approx(schedule.lr(7999), rel=1e-3)
    assert schedule.lr(9999) < 1e-6
    assert schedule.lr(10_000 + 33) == pytest.approx(1e-3, rel=0.01)


def test_a_run_is_cut_to_whole_steps_and_says_so(compiled: Compile) -> None:
    result = compiled(HEAD + THREE)
    assert result.schedule.total_samples % 32 == 0
    assert any("whole step" in note for note in result.notes)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("pairs: 0.15}", "pairs: 0.2}", "c.yaml:13: phases[1].mix: shares sum to 1.05 instead of 1"),
        ("text: 0.85", "txt: 0.85", "c.yaml:13: phases[1].mix.txt: unknown source 'txt'; did you mean 'text'?"),
        ("for: 256_000", "for: -5", "c.yaml:12: phases[1].for: '-5' is negative"),
        ("for: 256_000", "for: 0", "c.yaml:12: phases[1].for: phase 'image-text' is empty"),
        ("for: 256_000", "until: 10%", "phase 'image-text' overlaps the one before"),
        ("for: 256_000", "for: 10_000_000_000_000_000_000", "longer than any run; check the unit"),
        ("for: 256_000", "for: 1e18", "longer than any run"),
        ("for: 256_000", "length: 3", "unknown key"),
        ("    for: 256_000\n", "", "needs exactly one length, found none"),
        ("freeze: [encoder]", "freeze: [decodr]", "phases[2].freeze[0]"),
        ("{path: text}", "{path: nowhere}", "c.yaml:5: sources.text.path: nowhere: no manifest.json"),
        ("{path: text}", "{path: text, pathh: text}", "did you mean 'path'?"),
        ("over: 100%", "over: 50%", "the learning rate is at its end"),
        ("text: {path: text}", "text: {path: text, max_passes: 2}", "max_passes has no effect here"),
        ("passes: {chat: 2}", "passes: {chat: 9}", "'chat' has 333 samples in each of the 8 passes allowed"),
        ("passes: {chat: 2}", "passes: {text: 2}", "does not draw from 'text'"),
        ("for: 256_000", "for: 5M", "'text' has 20,000 samples, phase 'image-text' wants 41,204: it runs out at token"),
        ("trunk: 1_280_000\n", "", "add 'trunk: 4.3T'"),
        ("rewarm: 1e-3", "rewarm: 1e-3, floor: 1", "the key stands twice"),
        ("floor: 3e-5", "floor: 3", "the floor 3 is above the curve"),
        ("name: fine-tuning", "name: text", "two phases are named 'text'"),
        ("global_batch: 32", "global_batch: 320000", "less than a step"),
        ("mix: {text: 0.85, pairs: 0.15}", "mix: {from: {text: 1.5, pairs: -0.5}, to: {text: 1}}", "outside 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_refused_on_one_line(compiled: Compile, before: str, after: str, said: str) -> None:
    text = HEAD + THREE
    assert before in text
    assert said in refusal(compiled, text.replace(before, after, 1))


def test_disagreeing_datasets_are_refused(compiled: Compile, dataset: Callable[..., Path]) -> None:
    dataset("chat", "conversations", 333, seq_len=256)
    assert "c.yaml:7: sources.chat.path: sequence length differs" in refusal(compiled, HEAD + THREE)
    dataset("chat", "conversations", 333, geometry={"size": 32, "patch": 8, "tokens": 16})
    assert "image geometry differs" in refusal(compiled, HEAD + THREE)
    other = {"digest": "b" * 64, "vocabulary_size": 1000, "end_of_text_id": 0, "pad_id": 1, "image_id": 1000}
    dataset("chat", "conversations", 333, tokenizer=other)
    assert "tokenizer differs: 'chat' has bbbbbbbbbbbb..." in refusal(compiled, HEAD + THREE)


def test_a_schedule_names_the_format_of_its_conversations(compiled: Compile, dataset: Callable[..., Path]) -> None:
    assert compiled(HEAD + THREE).schedule.conversation is None, "their manifests name none"
    turns = {"version": 2, "end_of_turn": "<end_of_turn>", "end_of_turn_id": 1001}
    dataset("chat", "conversations", 333, conversation=turns)
    schedule = compiled(HEAD + THREE).schedule
    assert schedule.conversation is not None
    assert schedule.conversation.model_dump() == turns
    dataset("pairs", "conversations", 1000)
    said = refusal(compiled, HEAD + THREE)
    assert (
        "conversation format differs: 'chat' has version 2, turns end with '<end_of_turn>' (id 1001), 'pairs'" in said
    )
    assert "has version 1; make the older one anew" in said


def test_a_source_that_stops_ends_the_run(compiled: Compile) -> None:
    text = (HEAD + THREE).replace("exhausted: repeat, max_passes: 4", "exhausted: stop").replace("0.85", "0.4")
    result = compiled(text.replace("pairs: 0.15", "pairs: 0.6"))
    assert result.schedule.total_samples == (8000 + int(1000 / 0.6)) // 32 * 32
    assert "phase 'fine-tuning' is not reached" in result.notes


def test_a_source_that_runs_out_hands_its_share_on(compiled: Compile) -> None:
    text = (HEAD + THREE).replace("exhausted: repeat, max_passes: 4", "exhausted: reweight").replace("0.85", "0.4")
    schedule = compiled(text.replace("pairs: 0.15", "pairs: 0.6")).schedule
    assert schedule.counts(10_000)["pairs"] == 1000
    first, second = [phase for phase in schedule.phases if phase.name == "image-text"]
    assert second.shares == [SHARE_UNIT, 0, 0]
    assert schedule.counts(first.stop)["pairs"] == 1000
    assert second.stop == 10_000


def test_visual_tokens_are_converted_by_the_manifest(compiled: Compile) -> None:
    text = (HEAD + THREE).replace(
        "mix: {text: 0.85, pairs: 0.15}", "mix: {text: 0.85, pairs: 0.15}, unit: visual_tokens"
    )
    text = text.replace(
        "    mix: {text: 0.85, pairs: 0.15}, unit: visual_tokens",
        "    mix: {text: 0.85, pairs: 0.15}\n    unit: visual_tokens",
    )
    assert compiled(text).schedule.phases[1].shares == [700_000_000, 300_000_000, 0]  # half of a pair is image tokens
    assert "at most 0.5 of the tokens of 'pairs' are visual" in refusal(
        compiled, text.replace("0.85", "0.4").replace("0.15", "0.6")
    )
