"""Fetches one image and writes it as an MDS sample: `python examples/url_to_sample.py URL OUT [ALLOWED_ADDRESS]`.

Private and loopback addresses are refused, before anything is sent, unless they are named as allowed.
"""

import sys
from pathlib import Path

from dataprep.download.client.address_guard import AddressGuard
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.fetch_limits import FetchPolicy
from dataprep.download.client.reasons import FetchError
from dataprep.images.inspect import ImageLimits, inspect
from dataprep.mds.index import index_json
from dataprep.mds.layout import Layout
from dataprep.mds.shard import write_samples


def main(url: str, out: Path, *allowed: str) -> int:
    try:
        body = Fetcher(FetchPolicy(retries=0), AddressGuard(list(allowed))).open(url).read()
    except FetchError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    info = inspect(body, ImageLimits())

    layout = Layout({"url": "str", "image": "bytes"})
    out.mkdir(parents=True)
    sample = layout.encode_sample({"url": url, "image": body})
    shard = write_samples(layout, 0, [len(sample)], [sample], out / "shard.00000.mds")
    (out / "index.json").write_bytes(index_json([shard.entry]))
    print(f"{info.width} x {info.height}, {len(body)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
