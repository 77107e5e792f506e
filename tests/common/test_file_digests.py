"""Digests find every change of a file."""

from pathlib import Path

from common import file_digests


def test_a_file_that_changed_or_went_is_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode())
    digests = {name: file_digests.of_file(tmp_path / name) for name in ("a", "b", "c")}
    assert list(file_digests.differing(tmp_path, digests)) == []
    (tmp_path / "a").write_bytes(b"b")
    (tmp_path / "c").unlink()
    found = list(file_digests.differing(tmp_path, digests))
    assert found == ["a is not the file that was saved", "c is missing"]


def test_the_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = bytearray(5 << 20)  # more than is read at once
    (tmp_path / "a").write_bytes(content)
    before = file_digests.of_file(tmp_path / "a")
    for place in (0, 1 << 22, len(content) - 1):
        (tmp_path / "a").write_bytes(content[:place] + b"\1" + content[place + 1 :])
        assert file_digests.of_file(tmp_path / "a") != before
    (tmp_path / "a").write_bytes(b"")
    assert file_digests.of_file(tmp_path / "a") == "99aa06d3014798d86001c324468d497f", "XXH3_128bits of nothing"
