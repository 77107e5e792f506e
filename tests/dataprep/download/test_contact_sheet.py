"""Thumbnails are small JPEGs of what decodes, with caption and host; what does not decode is left out."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import orjson
from PIL import Image

from dataprep.download.contact_sheet import SIDE, _thumbnails
from dataprep.images.inspect import ImageLimits
from dataprep.tar.write import write_tar


def test_pictures_that_decode_are_shown_small(tmp_path: Path, picture: Callable[..., bytes]) -> None:
    good = [picture(n, kind, size=(900, 600)) for n, kind in enumerate(("JPEG", "PNG", "WEBP"))]
    held = [*good, b"<svg/>", good[0][:300], picture(9, "PNG", size=(3000, 2))]
    members = []
    for number, data in enumerate(held):
        meta = {"caption": f"c{number}", "url": f"http://h{number}.example/x"}
        members += [(f"{number:05}.jpg", data), (f"{number:05}.json", orjson.dumps(meta))]
    with (tmp_path / "a.tar").open("wb") as out:
        write_tar(out, members)
    found = _thumbnails("a.tar", out=str(tmp_path), limits=ImageLimits(), count=5)
    assert [(one.caption, one.host) for one in found] == [(f"c{n}", f"h{n}.example") for n in range(3)]
    for one in found:
        with Image.open(io.BytesIO(base64.b64decode(one.data_uri.partition(",")[2]))) as image:
            assert (image.format, image.size) == ("JPEG", (SIDE, SIDE * 2 // 3))
    assert len(_thumbnails("a.tar", out=str(tmp_path), limits=ImageLimits(), count=2)) == 2
