"""The lock names what a schedule was compiled from, and what has changed since."""

from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.compiler.compile_curriculum import Compiled, compile_curriculum
from curriculum.compiler.lock_file import Lock, check_lock, lock_path, write_lock
from curriculum.language.template import Template


def compiled(path: Path) -> Compiled:
    return compile_curriculum(Template.read(path).fill())


def test_names_every_file_and_dataset(base: Path) -> None:
    Path("child.yaml").write_text("extends: base.yaml\nseed: 8\n")
    one = compiled(Path("child.yaml"))
    write_lock(one, Path("s.lock.json"))
    lock = Lock.model_validate_json(Path("s.lock.json").read_bytes())
    assert set(lock.files) == {"child.yaml", "base.yaml"}
    assert set(lock.manifests) == set(lock.contents) == {"text", "pairs", "chat"}
    assert lock.schedule == one.schedule.hash
    check_lock(one, Path("s.lock.json"))
    assert lock_path(Path("a/s.json")) == Path("a/s.lock.json")


def test_refuses_by_name_what_changed(base: Path, dataset: Callable[..., Path]) -> None:
    lock = Path("s.lock.json")
    write_lock(compiled(base), lock)
    dataset("pairs", "pairs", 1001)
    with pytest.raises(InputError, match="manifests differ from the lock: pairs"):
        check_lock(compiled(base), lock)
    dataset("pairs", "pairs", 1000)
    check_lock(compiled(base), lock)
    base.write_text(base.read_text() + "\n")
    with pytest.raises(InputError, match=r"files differ from the lock: base\.yaml"):
        check_lock(compiled(base), lock)
    lock.write_text(lock.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(InputError, match="lock of schema 2; this release reads 1"):
        check_lock(compiled(base), lock)
    lock.write_text("{")
    with pytest.raises(InputError, match="damaged lock"):
        check_lock(compiled(base), lock)
