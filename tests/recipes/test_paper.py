"""Every recipe of the paper compiles against manifests of the right sizes; the 1B grid is the one that was run."""

import csv
import time
from collections import Counter
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.compiler.datasets import Shelf
from curriculum.language.template import Template, setting
from curriculum.sweep.expand import Run, expand
from curriculum.sweep.summary import with_sharing, without_sharing
from curriculum.sweep.tree import tree
from curriculum.views.supply import uses
from schemas.phases import Phase
from schemas.schedule import Schedule
from train.config.run_config import RunConfig

PAPER = Path(__file__).parents[2] / "recipes" / "paper"
GRID = list(csv.DictReader((PAPER / "runs.csv").read_text(encoding="utf-8").splitlines()))
"""The 1B grid as it was run, by the names and settings of the study's own scripts."""
SWEEPS = sorted((PAPER / "sweeps").glob("*.yaml"))
SEQ_LEN = 2048
SECONDS = 6.0

Line = tuple[str, float, float, float, int]
"""Start, shares of text, captions and instructions, epochs."""


def runs(name: str, shelf: Shelf | None = None) -> list[Run]:
    return expand(Template.read(PAPER / "sweeps" / f"{name}.yaml").fill(), shelf)


def compiled(name: str, **settings: str) -> Schedule:
    given = {key: setting(key, text) for key, text in settings.items()}
    return compile_curriculum(Template.read(PAPER / f"{name}.yaml").fill(given)).schedule


def phase(schedule: Schedule, name: str) -> Phase:
    return next(one for one in schedule.phases if one.name == name)


def shares(schedule: Schedule, name: str) -> dict[str, float]:
    pairs = zip(schedule.sources, phase(schedule, name).shares, strict=True)
    return {source.name: share / 1e9 for source, share in pairs}


def line_of(run: Run) -> Line:
    """The line of the published grid that a compiled run stands for, from its schedule alone."""
    schedule = run.schedule
    mix, image = shares(schedule, "image-text"), phase(schedule, "image-text")
    start = 100 * image.start * SEQ_LEN / 4.32e12
    drawn = schedule.counts(schedule.total_samples)["chat"] - schedule.counts(image.stop)["chat"]
    epochs = drawn / next(source.samples for source in schedule.sources if source.name == "chat")
    assert abs(start - round(start)) < 1e-6
    text = round(mix["text"] + mix["code"] + mix["math"], 9)
    return f"{round(start)}%", text, mix["pairs"], mix["chat"], round(epochs)


def published() -> dict[Line, dict[str, str]]:
    found: dict[Line, dict[str, str]] = {}
    for row in GRID:
        parts = [float(row[name]) for name in ("text_share", "caption_share", "instruction_share")]
        for epochs in row["fine_tuning_epochs"].split():
            found[(row["images_from"], parts[0], parts[1], parts[2], int(epochs))] = row
    return found


def test_the_grid_is_the_one_that_was_run(data: Path) -> None:
    grid, wanted = runs("grid"), published()
    assert (len(GRID), len(wanted)) == (69, 279)
    lines = {line_of(run): run for run in grid}
    assert len(grid) == len(lines) == 279
    assert lines.keys() == wanted.keys()
    for line, run in lines.items():
        row, schedule = wanted[line], run.schedule
        image = phase(schedule, "image-text")
        warmed = int(row["warmup_steps"]) * int(row["global_batch"])
        first, top, last = (schedule.lr(at) for at in (image.start, image.start + warmed, image.stop - 1))
        assert top == pytest.approx(float(row["learning_rate"]), rel=1e-6 if warmed else 0.01), line
        assert (first == 0) == bool(warmed), line
        assert last == pytest.approx(float(row["floor"]), rel=1e-4), line
        middle = image.start + warmed + (image.stop - image.start - warmed) // 2
        assert schedule.lr(middle) == pytest.approx((top + last) / 2, rel=1e-4), "a cosine is halfway there halfway"
        assert schedule.global_batch == int(row["global_batch"])
        assert schedule.seed == int(row["seed"])
        tokens = 28_795_904_000 * float(row["token_multiplier"])
        assert abs((image.stop - image.start) * SEQ_LEN - tokens) <= SEQ_LEN
        assert run.train is not None
        assert run.train["optimizer"]["weight_decay"] == float(row["weight_decay"])
        assert run.train["seed"] == int(row["seed"])
        assert run.train["model"]["size"] == "1.4B"
        assert row["size"] == "1b"


RATES = {20: (19.65, 9.080349589287376e-3), 40: (40.37, 6.499974971416897e-3), 60: (60.19, 3.4466737184832607e-3),
         80: (80.03, 9.788970261355868e-4)}  # fmt: skip
"""Published rates at the switch, by the nominal start and by the place on the trunk's cosine where they lie, in %."""


@pytest.mark.parametrize("start", RATES)
def test_rates_at_the_switch(data: Path, start: int) -> None:
    place, rate = RATES[start]
    nominal = compiled("1.4b", switch=f"{start}%")
    assert nominal.lr(phase(nominal, "image-text").start) == pytest.approx(rate, rel=0.01)
    whole = compiled("1.4b", switch="100%")
    warmup, end = 5000 * 256, phase(whole, "text").stop
    at = warmup + round(place / 100 * (end - warmup))
    assert whole.lr(at) == pytest.approx(rate, abs=5e-7), "four digits of the peak, 1e-2"
    assert whole.lr(at) == pytest.approx(rate, rel=5e-4)
    assert whole.lr(end - 1) == pytest.approx(3e-5, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "rates"), [("411m", [2.7315e-3, 2.0106e-3, 1.1054e-3, 3.519e-4]), ("154m", [None, None, None, 3.881e-4])]
)
def test_rates_of_small_models(data: Path, name: str, rates: list[float | None]) -> None:
    starts = {}
    for run in runs(f"small-{name}"):
        image = phase(run.schedule, "image-text")
        starts[image.start] = run.schedule.lr(image.start)
        mix = shares(run.schedule, "image-text")
        assert mix["pairs"] == pytest.approx(4 * mix["chat"], abs=2e-9)
    assert len(starts) == 4
    for (_, found), wanted in zip(sorted(starts.items()), rates, strict=True):
        assert wanted is None or found == pytest.approx(wanted, rel=0.01)


@pytest.mark.slow
def test_all_sweeps_are_one_tree_and_fast(data: Path) -> None:
    began, shelf = time.process_time(), Shelf()
    found = {path.stem: runs(path.stem, shelf) for path in SWEEPS}
    everything = [run for some in found.values() for run in some]
    nodes = tree(everything)
    for run in everything:
        for use in uses(run.schedule):
            assert use.passes <= 60
    took = time.process_time() - began
    assert took < SECONDS, f"{took:.1f} s"
    assert {name: len(some) for name, some in found.items()} == {
        "7b-pair": 2,
        "datacomp-vlm": 3,
        "datacomp-vlm-interleaved": 3,
        "encoder": 12,
        "fixed-phase": 3,
        "fixed-phase-79m": 3,
        "fixed-totals": 3,
        "fixed-totals-79m": 3,
        "frozen-79m": 6,
        "grid": 279,
        "image-data": 20,
        "image-share": 12,
        "rewarm-peak": 14,
        "seeds": 12,
        "small-154m": 30,
        "small-411m": 30,
        "small-79m": 30,
        "visual-tokens": 4,
    }
    assert max(Counter(run.name for run in everything).values()) == 1
    assert with_sharing(nodes).tokens < 0.06 * without_sharing(everything).tokens
    for node in nodes:
        assert node.start % node.run.schedule.global_batch == 0
        assert node.stop % node.run.schedule.global_batch == 0
    configs = [node.run.train for node in nodes]
    assert all(RunConfig.model_validate({**(config or {}), "schedule": "s.json", "out": "o"}) for config in configs)


@pytest.mark.parametrize(
    ("name", "batch", "trunk", "image_tokens"),
    [
        ("1.4b", 256, 4.32e12, 28_795_904_000),
        ("1.4b-8192", 64, 4.32e12, 28_795_904_000),
        ("79m", 512, 2.37e11, 1_578_280_960),
        ("154m", 512, 4.61e11, 3_073_547_520),
        ("411m", 512, 1.235e12, 8_232_325_120),
        ("7b", 2048, 2.5e12, 137_788_211_200),
    ],
)
def test_the_three_stages(data: Path, name: str, batch: int, trunk: float, image_tokens: int) -> None:
    schedule = compiled(name)
    text, image, tuning = schedule.phases
    assert schedule.global_batch == batch
    assert text.stop == round(0.8 * trunk / schedule.seq_len)
    assert abs((image.stop - image.start) * schedule.seq_len - image_tokens) <= schedule.seq_len
    assert shares(schedule, "text") == {"text": 0.927, "code": 0.06, "math": 0.013, "pairs": 0, "chat": 0}
    assert shares(schedule, "image-text") == {"text": 0.8343, "code": 0.054, "math": 0.0117, "pairs": 0.1, "chat": 0}
    assert schedule.lr(image.start) == pytest.approx(schedule.lr(image.start - 1), rel=1e-4)
    chat = next(source for source in schedule.sources if source.name == "chat")
    assert 0 <= 2 * chat.samples - schedule.counts(schedule.total_samples)["chat"] < batch
    assert image.freeze == tuning.freeze == ["encoder"]


def test_a_multiplier_lengthens_the_image_text_phase(data: Path) -> None:
    lengths = {}
    for multiplier in (1, 2, 4):
        image = phase(compiled("411m", multiplier=str(multiplier)), "image-text")
        lengths[multiplier] = image.stop - image.start
    assert [round(lengths[n] / lengths[1], 6) for n in (1, 2, 4)] == [1, 2, 4]


def test_encoders_share_the_text_and_their_configs_are_the_trainer_s(data: Path) -> None:
    nodes = tree(runs("encoder"))
    trunk = next(node for node in nodes if node.parent is None)
    assert len(trunk.runs) == 12, "one trunk, all encoders on it"
    drawn = trunk.run.schedule.counts(trunk.stop)
    assert drawn["pairs"] == drawn["chat"] == 0, "no image before the branches"
    configs = [node.run.train for node in nodes if node.parent is not None]
    validated = [RunConfig.model_validate({**(config or {}), "schedule": "s.json", "out": "o"}) for config in configs]
    assert {run.model.encoder.kind for run in validated} == {"siglip", "siglip_dino", "patch"}


@pytest.mark.slow
def test_seeds_of_the_fine_tuning_share_all_before_it(data: Path) -> None:
    found = runs("seeds")
    assert {run.settings["seed"] for run in found} == {7, 365}
    by_share: dict[str, list[Run]] = {}
    for run in found:
        by_share.setdefault(run.settings["image_share"], []).append(run)
    for some in by_share.values():
        border = phase(some[0].schedule, "fine-tuning").start
        assert len({run.schedule.prefix_hash(border) for run in some}) == 1
        assert len({run.schedule.prefix_hash(border + 100_000) for run in some}) == 4
    in_grid = {node.id for node in tree(runs("grid"))}
    assert len({node.id for node in tree([*runs("grid"), *found])} - in_grid) <= 3 * 2 * 3


def test_the_peak_at_100_percent_is_an_axis(data: Path) -> None:
    tops = {}
    for run in runs("rewarm-peak"):
        image = phase(run.schedule, "image-text")
        tops[run.name] = run.schedule.lr(image.start + 5000 * 256), run.schedule.lr(image.start)
    at_the_end = sorted({round(top, 9) for name, (top, _) in tops.items() if "switch=100" in name})
    assert at_the_end == [9.789e-4, 1.7136e-3, 3e-3]
    going_on = [first for name, (_, first) in tops.items() if "going-on" in name]
    assert going_on == [pytest.approx(9.789e-4, rel=0.01)] * 2
    named = {run.settings["image_peak"] for run in runs("rewarm-peak") if "going-on" in run.name}
    assert named == {f"goes on at {going_on[0]:.4e}".replace("e-0", "e-")}


def test_both_readings_of_a_visual_share(data: Path) -> None:
    for run in runs("visual-tokens"):
        mix = shares(run.schedule, "image-text")
        pairs = next(source for source in run.schedule.sources if source.name == "pairs")
        share = float(run.settings["image_share"].rstrip("%")) / 100
        counted = mix["pairs"]
        if run.settings["unit"] == "visual_tokens":
            counted *= pairs.tokens.visual / pairs.tokens.total
        assert counted == pytest.approx(share, abs=1e-8)
        assert sum(mix.values()) == pytest.approx(1)


@pytest.mark.parametrize(("name", "trunk"), [("fixed-totals", 4.32e12), ("fixed-totals-79m", 2.37e11)])
def test_fixed_totals_are_fixed(data: Path, name: str, trunk: float) -> None:
    found = runs(name)
    assert [run.settings["switch"] for run in found] == ["0%", "50%", "80%"]
    for run in found:
        schedule = run.schedule
        end = phase(schedule, "image-text").stop
        counts = schedule.counts(end)
        assert end == round(trunk / SEQ_LEN)
        assert counts["pairs"] == pytest.approx(0.1 * end, abs=3)
        assert counts["text"] == pytest.approx(0.9 * 0.927 * end, abs=3)
    middles = {run.schedule.lr(round(0.9 * trunk / SEQ_LEN)) for run in found}
    assert len(middles) == 1, "one learning-rate curve for all"


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "fixed-totals",
            {"image_share": "5%"},
            "fixed-totals.yaml:11: parameters.switch: '(1 - image_part / image_share) * 100%' comes to -100%, less "
            "than nothing (image_part = 10%, image_share = 5%); change one of its parameters",
        ),
        ("fixed-totals", {"image_share": "0%"}, "parameters.switch: cannot work out"),
        ("fixed-totals", {"image_share": "120%"}, "phases[1].mix.code: 'code_part * (1 - image_share"),
        ("datacomp-vlm", {"captions": "60%"}, "phases[1].mix.code: 'code_part * (1 - captions - instructions - "),
        (
            "1.4b",
            {"instruction_part": "130%"},
            "phases[1].mix.pairs: 'image_share * (1 - instruction_part)' comes to -3%",
        ),
    ],
)
def test_a_budget_that_cannot_be_solved(data: Path, name: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        compiled(name, **settings)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
