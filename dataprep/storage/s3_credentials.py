"""Checks for credentials before a write to S3: without any, the AWS SDK sends requests unsigned and says nothing.

A store that lets anybody write takes such an upload without the checksum of its parts, and what lies there afterwards
may be wrong. The usual cause are executors: credentials of the driver do not travel to them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from common.errors import InputError

UNSIGNED = "SWITCHPOINT_S3_UNSIGNED"
"""Set to 1, writing without credentials is meant."""
_SIGNS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}


def refuse_unsigned(uri: str, environment: Mapping[str, str] = os.environ) -> None:
    """Let a write to `uri` pass if this process has credentials, or may get them from the machine it runs on.

    A machine of AWS may have a role of its own, which is asked for over the network: with an endpoint of the user's
    choice, or where that question is turned off, there is none.

    Raises:
        InputError: the write would be unsigned.
    """
    if environment.get(UNSIGNED) == "1" or any(environment.get(name) for name in _SIGNS):
        return
    if "@" in uri.removeprefix("s3://").partition("/")[0]:  # s3://KEY:SECRET@bucket
        return
    home = Path(environment.get("HOME", "/nonexistent"), ".aws")
    if any(Path(environment.get(name) or home / usual).is_file() for name, usual in _FILES.items()):
        return
    elsewhere = environment.get("AWS_ENDPOINT_URL") or environment.get("AWS_ENDPOINT_URL_S3")
    if not elsewhere and environment.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
        return
    remedy = (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY here; executors need theirs (docs/cluster.md); "
        f"{UNSIGNED}=1 writes all the same"
    )
    raise InputError("no S3 credentials on this machine: the write would be unsigned", file=uri, remedy=remedy)
