"""Checks that docstrings read plainly: a module says in its first words what it does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "schemas", "dataprep", "curriculum", "train", "switchpoint", "benchmarks", "demo/study")
PREPOSITIONS = {
    *("about", "above", "across", "after", "against", "among", "as", "at", "before", "behind", "below", "beside"),
    *("between", "beyond", "by", "during", "for", "from", "in", "into", "like", "of", "off", "on", "out", "over"),
    *("per", "since", "through", "to", "towards", "under", "until", "up", "upon", "via", "with", "within", "without"),
}
RIDDLES = {"what", "whatever", "who", "whoever", "whom", "whose"}
COMMAND = r"(`[^`]+`( \(`[^`]+`\))?: )?"
"""The name of a command, before what it does."""
VERB = re.compile(COMMAND + r"[A-Za-z]+s\b(?!:| (of|to|joined|laid|drawn) )")
PLURALS = {"arguments", "checkpoints", "compositional", "datasets", "figures", "images", "limits", "means", "settings"}
"""Nouns that end as a verb does."""


def documented(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yields the name and the docstring of the module and of everything in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "name", ""), ast.get_docstring(node)


def faults(path: Path) -> list[str]:
    found = []
    for name, text in documented(path):
        if not name:
            found += module_faults(text)
        elif text is None:
            continue
        elif not name.startswith("_") and len(text.split()) <= 3:
            found.append(f"{name}: three words or fewer: {text}")
        elif first_word(text) in PREPOSITIONS | RIDDLES:
            found.append(f"{name}: does not begin with what it does: {text[:60]}")
    return found


def module_faults(text: str | None) -> list[str]:
    if not text:
        return ["the module has no docstring"]
    does = VERB.match(text) and first_word(re.sub(COMMAND, "", text, count=1)) not in PLURALS
    return [] if does else [f"the module does not say what it does, verb first (Reads, Writes ...): {text[:60]}"]


def first_word(text: str) -> str:
    return re.sub(r"\W", "", text.split()[0]).lower()


def test_every_docstring_says_what_its_subject_does() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for fault in faults(path)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "",
        '"""Settings of the job."""',
        '"""`plot`: a schedule as a picture."""',
        '"""From a row to a batch of tensors."""',
        '"""Runs joined by their shared pasts."""',
        '"""Reads rows."""\ndef run():\n    """Compare and print."""',
        '"""Reads rows."""\nclass Box:\n    """What the model has said of a box."""',
        '"""Reads rows."""\nclass Box:\n    def text(self):\n        """As a model should say it."""',
    ],
)
def test_riddles_and_fragments_are_found(tmp_path: Path, source: str) -> None:
    (tmp_path / "module.py").write_text(source)
    assert len(faults(tmp_path / "module.py")) == 1


def test_plain_docstrings_pass(tmp_path: Path) -> None:
    source = '"""`plot`: draws a schedule as a picture."""\ndef _run():\n    """Print it."""\ndef run():\n    pass\n'
    (tmp_path / "module.py").write_text(source)
    assert faults(tmp_path / "module.py") == []
