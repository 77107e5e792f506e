"""Whatever is changed in an export is found before it is used; exports of older releases stay readable."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from tests.helpers.checkpoints import PATCH, checkpoint
from tests.helpers.commands import assert_refused
from tests.helpers.official import textvqa
from train.__main__ import main
from train.evaluation.scored_model import Subject, open_subject
from train.export.description import CARD, PROVENANCE, checked, described, problems
from train.export.export_folder import export


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a model with images and code of its own, thus of all kinds of files."""
    root = tmp_path_factory.mktemp("whole")
    export(checkpoint(root, encoder=PATCH), root / "hf")
    return root / "hf"


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "hf"))


def flipped(file: Path, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)


def older(path: Path) -> None:
    """Make it what an older release would have written."""
    said = json.loads((path / PROVENANCE).read_text())
    del said["digests"], said["seal"]
    (path / PROVENANCE).write_text(json.dumps(said))


def test_every_file_has_a_digest(whole: Path) -> None:
    digests = checked(whole).digests
    assert digests is not None
    assert {*digests, PROVENANCE} == {path.name for path in whole.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", CARD} <= digests.keys()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "modeling_switchpoint.py"])
def test_a_changed_file_is_refused(copy: Path, tmp_path: Path, name: str) -> None:
    flipped(copy / name, 8 * (copy / name).stat().st_size - 4)
    match = rf"hf: this export is damaged: {name} is not the file that was saved; copy the folder anew, or export again"
    assert_refused(main, ["ask", str(copy), "what?"], match=match)
    questions = ["--tasks", f"textvqa={textvqa(tmp_path / 'textvqa')}"]
    assert_refused(main, ["evaluate", str(copy), "-o", str(tmp_path / "scores"), *questions], match=match)
    assert not (tmp_path / "scores").exists()


def test_files_that_went_or_came(copy: Path) -> None:
    (copy / "notes.txt").write_text("nobody reads it")
    (copy / CARD).write_text("# Another text for people")
    checked(copy)
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"damaged: adapter_config\.json is not a file of it"):
        checked(copy)
    (copy / "tokenizer.json").unlink()
    digests = described(copy).digests
    assert digests is not None
    assert list(problems(copy, digests)) == ["tokenizer.json is missing", "adapter_config.json is not a file of it"]


def test_what_is_said_is_sealed(copy: Path) -> None:
    file = copy / PROVENANCE
    before = file.read_text()
    for change in ({"position": 9}, {"digests": None}, {"digests": {}}, {"seal": None}):
        file.write_text(json.dumps({**json.loads(before), **change}))
        with pytest.raises(InputError, match=r"damaged: switchpoint\.json does not say what was saved"):
            described(copy)


def test_exports_of_older_releases_are_read_with_a_note(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    older(copy)
    open_subject(copy)
    assert caplog.text.count("exported by an older release, without digests: its files are not verified") == 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(whole: Path, copy: Path, data: st.DataObject) -> None:
    """Each bit of each file: refused in one line, or the model, its tokenizer and its description are as before."""
    name = data.draw(st.sampled_from(sorted(file.name for file in whole.iterdir())))
    flipped(copy / name, data.draw(st.integers(0, 8 * (whole / name).stat().st_size - 1)))
    refusal = ""
    try:
        subject = open_subject(copy)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert len(refusal.splitlines()) == 1
    else:
        assert name in (CARD, PROVENANCE), name
        assert _said(subject) == _said(open_subject(whole))
        assert described(copy) == described(whole)
    shutil.copy(whole / name, copy / name)


def _said(subject: Subject) -> tuple[object, ...]:
    told = subject.told.model_copy(update={"path": ""})
    tensors = {name: tensor.sum().item() for name, tensor in subject.model.state_dict().items()}
    return told, subject.geometry, subject.conversation, subject.tokenizer.to_str(), tensors
