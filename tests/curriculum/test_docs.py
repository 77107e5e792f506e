"""The guide's example compiles, scaled down to small datasets."""

from collections.abc import Callable
from pathlib import Path

from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.language.template import Template

GUIDE = Path(__file__).parents[2] / "docs" / "curriculum.md"
SMALLER = {"4.3T": "4.3M", "28B": "280K", "5000 steps": "5 steps", "global_batch: 256": "global_batch: 32"}


def test_the_example(dataset: Callable[..., Path]) -> None:
    text = GUIDE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    for long, short in SMALLER.items():
        assert long in text
        text = text.replace(long, short)
    dataset("data/text", samples=40_000)
    dataset("data/pairs", "pairs", 1000)
    dataset("data/conversations", "conversations", 500)
    Path("c.yaml").write_text(text)
    schedule = compile_curriculum(Template.read("c.yaml").fill()).schedule
    assert [phase.name for phase in schedule.phases] == ["text", "image-text", "fine-tuning"]
    assert schedule.phases[1].shares == [850_000_000, 150_000_000, 0]
