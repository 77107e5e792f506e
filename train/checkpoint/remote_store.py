"""Copies, lists, fetches and removes checkpoints in object storage (S3): one folder each, named as on disk.

The local directory stays what a run works with. `state.json` makes a remote checkpoint complete: it is uploaded last
and removed first, so a copy that was cut short anywhere is none. Files are fetched beside their place and renamed.
This module imports neither torch nor Composer: a process that uploads (`train.checkpoint.upload_process`) starts in a
moment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from common import atomic_files
from common.errors import InputError
from train.checkpoint import digests, identity
from train.checkpoint.identity import Identity
from train.checkpoint.names import LOGS, PATTERN, STATE

_FAILURES = (Boto3Error, BotoCoreError, ClientError, OSError)
_ABSENT = ("404", "NoSuchKey", "NotFound")


class RemoteStore:
    """Checkpoints under `uri` (`s3://bucket/path`). Endpoint, region and credentials are the usual environment's.

    Args:
        uri: where.
        field: of the run config that names it, for messages.

    Raises:
        InputError: no such kind of storage.
    """

    def __init__(self, uri: str, field: str = "checkpoint.remote") -> None:
        scheme, _, place = uri.partition("://")
        self.bucket, _, prefix = place.partition("/")
        remedy = "use s3://bucket/path; other stores by their S3 interface (AWS_ENDPOINT_URL)"
        if scheme != "s3" or not self.bucket:
            raise InputError(f"{uri} is no place for checkpoints", field=field, remedy=remedy)
        prefix = prefix.strip("/")
        self.uri = f"s3://{self.bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        settings = Config(retries={"mode": "standard"}, connect_timeout=20, read_timeout=60)
        try:
            # Streaming's name for the endpoint counts too, so that data and checkpoints need one setting.
            endpoint = os.environ.get("S3_ENDPOINT_URL") or None
            self._client: Any = boto3.Session().client("s3", config=settings, endpoint_url=endpoint)
        except (BotoCoreError, ValueError) as error:  # of the endpoint, region or profile that the environment names
            raise InputError(f"{uri}: {_line(error)}", field=field, remedy="correct the AWS settings") from None

    def complete(self) -> list[str]:
        """Names of the complete checkpoints, oldest first.

        Raises:
            RemoteError: the storage does not answer.
        """
        pattern = re.compile(re.escape(self._prefix) + rf"({PATTERN})/" + re.escape(STATE))
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error
        return sorted(found[1] for key in keys if (found := pattern.fullmatch(key)))

    def state(self, name: str) -> bytes:
        """The `state.json` of checkpoint `name`.

        Raises:
            RemoteError: the storage does not answer, or has none.
        """
        try:
            content: bytes = self._client.get_object(Bucket=self.bucket, Key=self._key(f"{name}/{STATE}"))[
                "Body"
            ].read()
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error
        return content

    def identity(self) -> Identity | None:
        """Returns the run that these checkpoints belong to; None if nobody has said so yet.

        Raises:
            RemoteError: the storage does not answer.
            InputError: what it says is damaged.
        """
        try:
            content = self._client.get_object(Bucket=self.bucket, Key=self._key(identity.NAME))["Body"].read()
        except _FAILURES as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _ABSENT:
                return None
            raise RemoteError(self.uri, error) from error
        return identity.parse(content, f"{self.uri}/{identity.NAME}")

    def put(self, path: Path, out: Path) -> None:
        """Upload the logs of the run in `out`, then its checkpoint at `path`, over what there is under its name.

        Raises:
            RemoteError: the storage does not take it, after the client's own retries.
        """
        try:
            self._delete(f"{path.name}/{STATE}")
            for name in LOGS:
                if (out / name).exists():
                    self._client.upload_file(str(out / name), self.bucket, self._key(name))
            files = digests.content_of(digests.check_seal((path / STATE).read_bytes(), path), path)
            self._delete_but(path.name, files)  # another number of ranks wrote it before
            for name in (*files, STATE):  # the last one makes it a checkpoint
                self._client.upload_file(str(path / name), self.bucket, self._key(f"{path.name}/{name}"))
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error

    def get(self, name: str, folder: Path) -> Path:
        """Download checkpoint `name` into `folder`, whole and verified or not at all.

        Raises:
            DamagedError: what arrived is not what was saved.
            RemoteError: the storage does not answer, or the disk does not take it.
        """
        try:
            # Nodes with one disk may all fetch it.
            with atomic_files.new_directory(folder / name, shared=True) as partial:
                said = digests.check_seal(self.state(name), f"{self.uri}/{name}")
                for file in (*digests.content_of(said, f"{self.uri}/{name}"), STATE):
                    self._client.download_file(self.bucket, self._key(f"{name}/{file}"), str(partial / file))
                digests.check(partial, f"{self.uri}/{name}")
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error
        return folder / name

    def get_logs(self, out: Path) -> None:
        """Download the run's logs in place of those that `out` may have: they belong to a checkpoint fetched with them.

        Raises:
            RemoteError: the storage does not answer, or the disk does not take them.
        """
        for name in LOGS:
            try:
                with atomic_files.new_file(out / name, shared=True) as partial:
                    self._client.download_file(self.bucket, self._key(name), str(partial))
            except _FAILURES as error:
                if not isinstance(error, ClientError) or error.response["Error"]["Code"] not in _ABSENT:
                    raise RemoteError(self.uri, error) from error
                (out / name).unlink(missing_ok=True)

    def withdraw(self, name: str) -> None:
        """Make checkpoint `name` none: delete its `state.json` alone. The next upload of that position completes it.

        Raises:
            RemoteError: the storage does not answer.
        """
        try:
            self._delete(f"{name}/{STATE}")
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error

    def remove(self, name: str) -> None:
        """Delete checkpoint `name`, its `state.json` first.

        Raises:
            RemoteError: the storage does not answer.
        """
        try:
            self._delete(f"{name}/{STATE}")
            self._delete_but(name, ())
        except _FAILURES as error:
            raise RemoteError(self.uri, error) from error

    def sweep(self) -> None:
        """Give up the parts of large files that killed uploads left: they cannot be listed as files, but cost storage.

        Call it while nothing is being uploaded. Stores that do not allow it are left as they are.
        """
        try:
            for upload in self._unfinished():
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        except _FAILURES:
            return

    def _unfinished(self) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=self._prefix)
        for page in pages:
            yield from page.get("Uploads", [])

    def _delete_but(self, name: str, kept: Iterable[str]) -> None:
        """Delete the files of checkpoint `name` other than `kept`."""
        start, spared = self._key(f"{name}/"), {self._key(f"{name}/{file}") for file in kept}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start)
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", [])]:
            if key not in spared:
                self._client.delete_object(Bucket=self.bucket, Key=key)

    def _delete(self, name: str) -> None:
        self._client.delete_object(Bucket=self.bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"


class RemoteError(RuntimeError):
    """Object storage failed; `str()` is one line."""

    def __init__(self, uri: str, error: Exception) -> None:
        super().__init__(f"{uri}: {_line(error)[:200]}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
