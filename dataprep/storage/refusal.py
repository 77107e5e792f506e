"""Tells a server that refuses (no permission, no bucket, no room) from one that fails: trying again is of no use."""

from __future__ import annotations

import re

from common.errors import ResourceError, StorageError

_DENIED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN|UNRECOGNIZED_CLIENT|EXPIRED_TOKEN|SIGNATURE_DOES_NOT_MATCH"
    r"|PERMISSION_DENIED|UNAUTHENTICATED|AccessControlException|HTTP status 40[13]\b|Permission denied",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"NO_SUCH_BUCKET|NoSuchBucket", re.IGNORECASE)
_FULL = re.compile(r"QuotaExceeded|StorageFull|HTTP status 507\b|could only be replicated to 0 nodes", re.IGNORECASE)
_AGAIN = "then run the same command again: it goes on where it stopped"


def judged(said: str, file: str) -> StorageError:
    """The error that a server's answer stands for."""
    for pattern, problem, remedy in (
        (_DENIED, "access is denied", "check the credentials and what they may do with it"),
        (_ABSENT, "there is no such bucket", "make it, or name another"),
        (_FULL, "the store has no room", "make room or raise the quota"),
    ):
        if pattern.search(said):
            return ResourceError(f"{problem} ({said})", file=file, remedy=f"{remedy}, {_AGAIN}")
    return StorageError(said, file=file)
