"""A folder is taken for what it holds."""

from pathlib import Path

import pytest

from common.errors import InputError
from switchpoint.contents import Kind, kind_of, runs_of


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["manifest.json", "index.json"], Kind.DATASET),
        (["metrics.jsonl"], Kind.RUN),
        (["checkpoints/000000000000064/state.json"], Kind.RUN),
        (["sweep.json", "nodes/a/out/metrics.jsonl"], Kind.SWEEP),
        (["switchpoint.json", "config.json", "model.safetensors"], Kind.EXPORT),
    ],
)
def test_a_folder_is_what_its_files_say(tmp_path: Path, files: list[str], kind: Kind) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert kind_of(str(tmp_path)) is kind
    assert kind_of("s3://bucket/data") is Kind.DATASET


def test_anything_else_is_refused_with_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no dataset, run, sweep or export here; .* one of sweep"):
        kind_of(str(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        kind_of(str(tmp_path / "missing"))


def test_runs_of_a_sweep_that_have_begun(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run of this sweep has begun"):
        runs_of(tmp_path)
    for name in ("b", "a"):
        (tmp_path / f"nodes/{name}/out").mkdir(parents=True)
        (tmp_path / f"nodes/{name}/out/metrics.jsonl").touch()
    assert [one.parent.name for one in runs_of(tmp_path)] == ["a", "b"]
