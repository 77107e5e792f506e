"""Uploads folders to repositories of the Hugging Face hub (`HF_ENDPOINT` names another hub, `HF_TOKEN` who asks)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.hf_api import RepoFile
from requests import RequestException

from common.errors import InputError

Kind = Literal["model", "dataset"]


def open_repository(name: str, *, private: bool, kind: Kind = "model", field: str = "--push") -> None:
    """Make the repository `name` (owner/name), or find it; before other work, so that a refusal costs no time.

    Args:
        field: what the user gave the name as.

    Raises:
        InputError: the name is none, the hub cannot be reached, or it refuses.
    """
    owner, slash, rest = name.partition("/")
    if not (owner and slash and rest):
        raise InputError(f"'{name}' is no owner/name", field=field, remedy="write OWNER/NAME")
    if constants.HF_HUB_OFFLINE:
        raise InputError("HF_HUB_OFFLINE is set", field=field, remedy="unset it to upload")
    with _one_line(name, field):
        HfApi().create_repo(name, private=private, exist_ok=True, repo_type=kind)


def upload(folder: Path, name: str, message: str, field: str = "--push") -> str:
    """Upload everything in `folder` to a model's repository as one commit; returns its address.

    Raises:
        InputError: the hub cannot be reached, or it refuses; the export stays where it is.
    """
    with _one_line(name, field):
        return str(HfApi().upload_folder(repo_id=name, folder_path=folder, commit_message=message).commit_url)


def blobs(name: str, kind: Kind, field: str) -> dict[str, str]:
    """Files of the repository's main branch: path -> digest, as git has it (`git_digest`).

    Raises:
        InputError: the hub cannot be reached, or it refuses.
    """
    with _one_line(name, field):
        tree = HfApi().list_repo_tree(name, recursive=True, repo_type=kind)
        return {one.path: one.blob_id for one in tree if isinstance(one, RepoFile)}


def git_digest(data: bytes) -> str:
    """The digest that git gives to a file of these bytes."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def commit(
    name: str,
    kind: Kind,
    message: str,
    *,
    field: str,
    add: Iterable[tuple[str, Path | bytes]],
    drop: Iterable[str] = (),
) -> str:
    """Add files (path, and a file or its bytes) and drop others in one commit; returns its address.

    A file that the repository has already, by its digest, is not sent again.

    Raises:
        InputError: the hub cannot be reached, or it refuses.
    """
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=what) for path, what in add
    ]
    operations += [CommitOperationDelete(path_in_repo=path) for path in drop]
    with _one_line(name, field):
        made = HfApi().create_commit(name, operations, commit_message=message, repo_type=kind)
    return str(made.commit_url)


@contextmanager
def _one_line(name: str, field: str) -> Iterator[None]:
    try:
        yield
    except (HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled, RequestException, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        remedy = "check the name and HF_TOKEN (it needs the right to write), then give the command again"
        raise InputError(f"the hub does not take '{name}' ({reason})", field=field, remedy=remedy) from None
