"""Parses addresses of datasets on the hub: `hf://datasets/OWNER/NAME[@REVISION]/path`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from common.errors import InputError

SCHEME = "hf://"
_FORM = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@(refs/(?:convert|pr)/[^/]+|[^/]+))?(?:/(.*))?", re.DOTALL)


class Place(NamedTuple):
    """Names a file or folder of a dataset."""

    repository: str
    """OWNER/NAME."""
    revision: str
    path: str
    """Below the repository's root; "" is the root."""

    @property
    def uri(self) -> str:
        """The place as users write it."""
        return f"{SCHEME}datasets/{self.repository}@{quote(self.revision, safe='/')}/{self.path}".rstrip("/")


def resolved(endpoint: str, place: Place) -> str:
    """The address that a hub serves a file at. It is made of `endpoint` alone: huggingface_hub's own `hf_hub_url` keeps
    the endpoint that it was imported with."""
    revision = quote(place.revision, safe="")
    return f"{endpoint.rstrip('/')}/datasets/{place.repository}/resolve/{revision}/{quote(place.path)}"


def parse(uri: str) -> Place:
    """The place that `uri` names.

    Raises:
        InputError: it names none.
    """
    if not (found := _FORM.fullmatch(uri)):
        remedy = "write hf://datasets/OWNER/NAME[@REVISION]/path"
        raise InputError("not an address of a dataset on the hub", file=uri, remedy=remedy)
    return Place(found[1], unquote(found[2] or "main"), found[3] or "")
