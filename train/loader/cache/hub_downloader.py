"""Downloads a file of a dataset on the hub (`hf://datasets/OWNER/NAME[@REVISION]/path`) to where it shall lie.

Streaming has a downloader for `hf://` too, which knows no revision and puts a file under its final name before anybody
has verified it. Endpoint (`HF_ENDPOINT`), token (`HF_TOKEN`) and the kinds of refusal are huggingface_hub's.
"""

from __future__ import annotations

from huggingface_hub import constants, get_session
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import hf_raise_for_status
from streaming.base.storage import CloudDownloader

from common.hub_address import SCHEME, parse, resolved

_BLOCK = 1 << 20
_SILENCE_S = 60.0
"""Seconds without a byte after which an attempt has failed."""


def downloader_for(place: str) -> CloudDownloader:
    """The downloader for addresses like `place`: Streaming's, but for the hub.

    Raises:
        ValueError: there is none for its scheme.
        ImportError: what it needs is not installed.
    """
    return HubDownloader() if place.startswith(SCHEME) else CloudDownloader.get(place)


class HubDownloader(CloudDownloader):
    """Fetches files of datasets."""

    @staticmethod
    def _client_identifier() -> str:
        return SCHEME.removesuffix("://")

    def clean_up(self) -> None:
        """Does nothing: no connection is kept."""

    def _download_file_impl(self, remote: str, local: str, timeout: float) -> None:
        if constants.HF_HUB_OFFLINE:
            raise OfflineModeIsEnabled(f"HF_HUB_OFFLINE is set; unset it, or name a local copy instead of {remote}")
        place = parse(remote)
        address = resolved(constants.ENDPOINT, place)
        headers = build_hf_headers(library_name="switchpoint")
        with get_session().get(address, headers=headers, stream=True, timeout=min(timeout, _SILENCE_S)) as answer:
            hf_raise_for_status(answer)
            with open(local, "wb") as file:
                file.writelines(answer.iter_content(_BLOCK))
