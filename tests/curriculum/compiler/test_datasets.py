"""What the compiler takes from manifests, and when two datasets cannot be mixed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.compiler.datasets import Shelf
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.template import Template
from schemas.manifest import Manifest

WriteDataset = Callable[..., Path]


def test_shards_are_kept_as_runs_of_equal_sizes(dataset: WriteDataset) -> None:
    path = dataset("text", samples=5300)
    found = Shelf().dataset(str(path), None)
    assert found.source.shards == [(1000, 5), (300, 1)]
    assert found.source.samples == 5300
    assert found.source.content == Manifest.load(path).content
    assert len(found.manifest_digest) == 64


def test_a_manifest_is_read_once(dataset: WriteDataset) -> None:
    path = dataset("text")
    shelf = Shelf()
    first = shelf.dataset(str(path), None)
    (path / "manifest.json").unlink()
    assert shelf.dataset(str(path), None) is first


def test_a_copy_of_a_remote_manifest(dataset: WriteDataset) -> None:
    path = dataset("text")
    copied = path.rename(path.with_name("copies")) / "manifest.json"
    found = Shelf().dataset("s3://bucket/text", str(copied))
    assert found.source.path == "s3://bucket/text"
    with pytest.raises(InputError, match=r"copy manifest\.json here"):
        Shelf().dataset("s3://bucket/text", None)


def test_what_is_no_dataset(dataset: WriteDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        Shelf().dataset(str(tmp_path), None)
    empty = dataset("empty", samples=0)
    with pytest.raises(InputError, match="holds no samples"):
        Shelf().dataset(str(empty), None)
    (empty / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="damaged manifest"):
        Shelf().dataset(str(empty), None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seq_len": 64}, "sequence length differs: 'chat' has 64, 'text' has 128; pack both"),
        ({"geometry": {"size": 32, "patch": 8, "tokens": 16}}, "image geometry differs: 'chat' has"),
        ({"tokenizer": ("digest", "b" * 64)}, "tokenizer differs: 'chat' has bbbbbbbbbbbb..., 'text' has aaaa"),
        ({"tokenizer": ("pad_id", 2)}, "special ids differs: 'chat' has vocabulary 1000, end of text 0, pad 2"),
    ],
)
def test_datasets_that_disagree_are_refused_at_the_source_s_line(
    dataset: WriteDataset, changes: dict[str, object], said: str
) -> None:
    identity = {"digest": "a" * 64, "vocabulary_size": 1000, "end_of_text_id": 0, "pad_id": 1, "image_id": 1000}
    if isinstance(change := changes.get("tokenizer"), tuple):
        changes = {"tokenizer": identity | dict([change])}
    dataset("text")
    dataset("pairs", "pairs", 100)
    dataset("chat", "conversations", 100, **changes)
    Path("c.yaml").write_text(
        "seed: 1\nglobal_batch: 4\nlearning_rate: {peak: 1}\nsources:\n  text: {path: text}\n  pairs: {path: pairs}\n"
        "  chat: {path: chat}\nphases: [{name: a, steps: 1, mix: {text: 1}}]\n"
    )
    document = Template.read("c.yaml").fill()
    with pytest.raises(InputError) as caught:
        Shelf().sources(document.load(Curriculum), document)
    assert str(caught.value).startswith(f"c.yaml:7: sources.chat.path: {said}")
