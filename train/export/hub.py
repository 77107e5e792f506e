"""Uploads an export to a repository of the Hugging Face hub (`HF_ENDPOINT` names another hub, `HF_TOKEN` who asks)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from requests import RequestException

from common.errors import InputError

_FIELD = "--push"


def open_repository(name: str, *, private: bool) -> None:
    """Make the model repository `name` (owner/name), or find it; before an export, so that a refusal costs no time.

    Raises:
        InputError: the name is none, the hub cannot be reached, or it refuses.
    """
    owner, slash, rest = name.partition("/")
    if not (owner and slash and rest):
        raise InputError(f"'{name}' is no owner/name", field=_FIELD, remedy="write --push OWNER/NAME")
    if constants.HF_HUB_OFFLINE:
        raise InputError("HF_HUB_OFFLINE is set", field=_FIELD, remedy="unset it to upload")
    with _one_line(name):
        HfApi().create_repo(name, private=private, exist_ok=True)


def upload(folder: Path, name: str, message: str) -> str:
    """Upload everything in `folder` as one commit; returns its address.

    Raises:
        InputError: the hub cannot be reached, or it refuses; the export stays where it is.
    """
    with _one_line(name):
        return str(HfApi().upload_folder(repo_id=name, folder_path=folder, commit_message=message).commit_url)


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    try:
        yield
    except (HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled, RequestException, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        remedy = "check the name and HF_TOKEN (it needs the right to write), then give the command again"
        raise InputError(f"the hub does not take '{name}' ({reason})", field=_FIELD, remedy=remedy) from None
