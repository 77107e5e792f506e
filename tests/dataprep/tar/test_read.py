from __future__ import annotations

import gzip
import io
import tarfile
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webdataset.tariterators import group_by_keys

from common.errors import InputError
from dataprep.tar.read import MAX_EXTENDED_HEADER, Sample, samples, split_name


def tar_of(*files: tuple[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(data: bytes) -> list[Sample]:
    return list(samples(io.BytesIO(data), "in.tar"))


def contents(data: bytes) -> list[tuple[str, dict[str, bytes]]]:
    tar = io.BytesIO(data)
    return [(one.key, {ext: m.read(tar) for ext, m in one.members.items()}) for one in samples(tar, "in.tar")]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0."), min_size=1, max_size=150)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["jpg", "json", "txt"]), st.binary(max_size=2000)), max_size=8))
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_reads_what_tarfile_writes(form: int, files: list[tuple[str, str, bytes]]) -> None:
    data = tar_of(*((f"{name}.{extension}", body) for name, extension, body in files), form=form)
    found = [(key, extension, body) for key, members in contents(data) for extension, body in members.items()]
    assert found == files


def test_samples_are_runs_of_members_with_one_key() -> None:
    data = tar_of(("a/1.jpg", b"x"), ("a/1.syn.json", b"{}"), ("a/2.JPG", b"y"), ("a/1.jpg", b"z"), ("a/1.jpg", b"w"))
    assert contents(data) == [
        ("a/1", {"jpg": b"x", "syn.json": b"{}"}),
        ("a/2", {"jpg": b"y"}),
        ("a/1", {"jpg": b"z"}),
        ("a/1", {"jpg": b"w"}),
    ]


def test_names_split_at_the_first_dot_of_the_last_component() -> None:
    assert split_name("v1.0/0001.url.txt") == ("v1.0/0001", "url.txt")
    assert split_name("0001") == ("0001", "")


@pytest.mark.parametrize(("key", "unsafe"), [("../../etc/x", True), ("/etc/x", True), ("C:/x", True), ("a/..b", False)])
def test_keys_that_leave_the_directory_are_marked(key: str, unsafe: bool) -> None:
    assert Sample(key).unsafe is unsafe


def test_only_regular_files_count() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("a.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert read(out.getvalue()) == []


@pytest.mark.parametrize("keep", [0, 100, 512, 700, 1024 + 100, 2048])
def test_a_tar_that_was_cut_off_is_an_error(keep: int) -> None:
    data = tar_of(("a.jpg", bytes(300)), ("b.jpg", bytes(600)))
    with pytest.raises(InputError, match=r"in\.tar"):
        read(data[:keep])


def test_what_is_no_tar_is_an_error() -> None:
    with pytest.raises(InputError, match="not a tar"):
        read(b"<html>" * 1000)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(tar_of(("a.jpg", b"x")), mtime=0) + bytes(1024), "not a tar but a gzip stream; unpack it first"),
        (b"PK\x03\x04" + bytes(1024), "not a tar but a zip archive; give a tar"),
        (b"PAR1" + bytes(1024), "not a tar but a Parquet file; give a tar"),
        (bytes(range(256)) * 4, "not a tar, or damaged from its first byte on; give a tar"),
        (
            tar_of(("a.jpg", b"x"))[:1024] + b"\xff" * 1024,
            "the tar is damaged at byte 1,024: no header of a member; fetch",
        ),
    ],
)
def test_another_kind_of_file_is_named(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=rf"^in\.tar: {said}"):
        read(data)


@pytest.mark.parametrize("gap", [1024, 10240, 3 << 20])
def test_data_behind_the_end_of_the_archive_is_not_dropped_in_silence(gap: int) -> None:
    one, other = tar_of(("a.jpg", b"x")), tar_of(("b.jpg", b"y"))
    assert len(read(one[:1024] + bytes(gap))) == 1, "padding of any length"
    with pytest.raises(
        InputError, match=rf"data behind the end of the archive, at byte {1024 + gap:,}; .*--ignore-zeros"
    ):
        read(one[:1024] + bytes(gap) + other)


def test_a_name_that_breaks_a_line_is_unsafe() -> None:
    names = ("a\nb", "a\x1b[2J", "a\u2028b", "a\x85b")
    assert all(one.unsafe for one in read(tar_of(*((f"{name}.jpg", b"x") for name in names), form=tarfile.PAX_FORMAT)))


def test_an_extended_header_of_any_size_is_not_loaded() -> None:
    with pytest.raises(InputError, match="extended header"):
        read(tar_of(("a" * (MAX_EXTENDED_HEADER + 1) + ".jpg", b"x"), form=tarfile.GNU_FORMAT))


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=2), st.sampled_from(["jpg", "JSON", "syn.json"]))))
def test_samples_are_grouped_as_webdataset_groups_them(names: list[tuple[str, str]]) -> None:
    """But for names that come twice in a row of one key, where it raises."""
    runs = [(key, list(members)) for key, members in groupby(names, key=lambda name: name[0])]
    runs = [(key, list(dict.fromkeys(members))) for key, members in runs]
    files = [(f"d/{key}.{extension}", b"x") for _, members in runs for key, extension in members]
    theirs = group_by_keys({"fname": name, "data": data, "__url__": ""} for name, data in files)
    assert [(one.key, set(one.members)) for one in samples(io.BytesIO(tar_of(*files)), "in.tar")] == [
        (one["__key__"], one.keys() - {"__key__", "__url__"}) for one in theirs
    ]


def test_a_name_that_webdataset_takes_for_its_own_is_a_sample_all_the_same() -> None:
    files = [("1.jpg", b"x"), ("1.__bad__", b"x"), ("2.jpg", b"x"), ("2.jpg", b"y")]
    assert [one.key for one in samples(io.BytesIO(tar_of(*files)), "in.tar")] == ["1", "2", "2"]
    given = [{"fname": name, "data": data, "__url__": ""} for name, data in files]
    assert [one["__key__"] for one in group_by_keys(given[:3])] == ["2"], "sample 1 is lost without a word"
    with pytest.raises(ValueError, match="duplicate"):
        list(group_by_keys(given[2:]))


def test_names_that_are_not_utf8_are_spelt_out() -> None:
    """They become uids and provenance, which are stored as UTF-8."""
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        for stem in ("caf\udce9", "caf\udce9" * 40):
            if len(stem) < 100 or form == tarfile.GNU_FORMAT:
                assert [one.key for one in read(tar_of((f"{stem}.jpg", b"x"), form=form))] == [
                    stem.replace("\udce9", "\\xe9")
                ]


def test_a_record_of_absurd_length_names_nothing() -> None:
    header = tarfile.TarInfo("pax")
    record = b"1" * 5000 + b" path=evil.jpg\n"
    header.type, header.size = tarfile.XHDTYPE, len(record)
    data = header.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512) + tar_of(("a.jpg", b"x"))
    assert [one.key for one in read(data)] == ["a"]


def test_hidden_members_such_as_resource_forks_of_macos_are_passed_over() -> None:
    names = ["a/.DS_Store", "a/._1.jpg", "a/1.jpg", "a/._1.txt", "a/1.txt", "__MACOSX/a/._1.jpg", "a/2.jpg"]
    found = read(tar_of(*((name, b"x") for name in names)))
    assert [(one.key, sorted(one.members)) for one in found] == [("a/1", ["jpg", "txt"]), ("a/2", ["jpg"])]
