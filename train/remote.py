"""Checkpoints in object storage: uploaded after they are whole on disk, fetched where the disk has none as new.

The local directory stays what a run works with. `state.json` is uploaded last, so a remote checkpoint that has one is
complete. A failed upload costs nothing but the copy: it is tried again with the next checkpoint, oldest first, and only
the run's last one must arrive. Composer's object stores do the transport.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from composer.utils import maybe_create_object_store_from_uri

from schemas.errors import InputError

FILES = ("model.safetensors", "optimizer.safetensors", "schedule.json", "state.json")
"""Of a checkpoint, in the order of upload: the last one makes it one."""
LOGS = ("metrics.jsonl", "faults.jsonl")
"""What a run that goes on elsewhere needs besides: uploaded with every checkpoint, over the older ones."""


class RemoteStore:
    """Checkpoints under `uri`, one folder each, named as on disk.

    Raises:
        InputError: no such kind of storage.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        remedy = "use s3://bucket/path"
        try:
            store = maybe_create_object_store_from_uri(self.uri + "/")
        except NotImplementedError:
            raise InputError(f"no storage of the kind {uri}", field="checkpoint.remote", remedy=remedy) from None
        if store is None:
            raise InputError(f"{uri} is not remote", field="checkpoint.remote", remedy=f"{remedy}; disk is `out`")
        self._store = store

    def complete(self) -> list[str]:
        """Names of the complete checkpoints, oldest first.

        Raises:
            RemoteError: the storage does not answer.
        """
        try:
            keys = self._store.list_objects("")
        except Exception as error:
            raise RemoteError(self.uri, error) from error
        return sorted(key.rsplit("/", 2)[-2] for key in keys if key.endswith("/state.json"))

    def put(self, path: Path, out: Path) -> None:
        """Upload the logs of the run in `out`, then its checkpoint at `path`.

        Raises:
            RemoteError: the storage does not take it, after the client's own retries.
        """
        try:
            for name in LOGS:
                if (out / name).exists():
                    self._store.upload_object(name, str(out / name))
            for name in FILES:
                self._store.upload_object(f"{path.name}/{name}", str(path / name))
        except Exception as error:
            raise RemoteError(self.uri, error) from error

    def get(self, name: str, folder: Path) -> Path:
        """Download checkpoint `name` into `folder`, whole or not at all.

        Raises:
            RemoteError: the storage does not answer.
        """
        target, partial = folder / name, folder / f".partial-{uuid.uuid4().hex}"
        partial.mkdir(parents=True)
        try:
            for file in FILES:
                self._store.download_object(f"{name}/{file}", str(partial / file))
            try:
                partial.rename(target)
            except OSError:
                if not target.exists():  # else another node put it there meanwhile, on a shared disk
                    raise
        except Exception as error:
            raise RemoteError(self.uri, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target

    def get_logs(self, out: Path) -> None:
        """Download the logs that `out` has not got.

        Raises:
            RemoteError: the storage does not answer.
        """
        for name in LOGS:
            try:
                if not (out / name).exists():
                    self._store.download_object(name, str(out / name))
            except FileNotFoundError:
                continue
            except Exception as error:
                raise RemoteError(self.uri, error) from error

    def remove(self, name: str) -> None:
        """Delete checkpoint `name`, its `state.json` first; does nothing where the store has no way to delete.

        Raises:
            RemoteError: the storage does not answer.
        """
        client = getattr(self._store, "client", None)  # Composer's stores cannot delete; S3's client can
        if not hasattr(client, "delete_object"):
            return
        try:
            for file in reversed(FILES):
                client.delete_object(Bucket=self._store.bucket, Key=self._store.get_key(f"{name}/{file}"))  # type: ignore[attr-defined, union-attr]
        except Exception as error:
            raise RemoteError(self.uri, error) from error


class RemoteError(RuntimeError):
    """Object storage failed; `str()` is one line."""

    def __init__(self, uri: str, error: Exception) -> None:
        super().__init__(f"{uri}: {' '.join(str(error).split())[:200]}")
