"""Makes a sheet of a few small pictures with their captions, for a person to check a download by eye.

Up to `TARS` tars, evenly spaced, give their first pictures. Uids are dealt out by hash and a tar is in uid order, so
these are a random sample, and the same one every time. The pictures are strangers': they are judged and decoded on an
executor, where the rest of them was, and only thumbnails come to the driver.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from PIL import Image
from pyspark.sql import SparkSession

from common.pictures import as_seen
from dataprep.images.inspect import ImageError, ImageLimits, inspect
from dataprep.images.jpeg import scalable
from dataprep.storage import files
from dataprep.storage.urls import host_of
from dataprep.tar.read import samples

TARS, PICTURES, SIDE = 8, 24, 144
_DECODERS = ("JPEG", "PNG", "WEBP", "GIF")


@dataclass(frozen=True)
class Thumbnail:
    """Holds one small picture."""

    data_uri: str
    caption: str
    host: str


def contact_sheet(spark: SparkSession, out: str, tars: Sequence[str], limits: ImageLimits) -> list[Thumbnail]:
    """Thumbnails from `tars`, names below `out`; at most `PICTURES`."""
    count = min(TARS, len(tars))
    chosen = [tars[index * len(tars) // count] for index in range(count)]
    if not chosen:
        return []
    make = functools.partial(_thumbnails, out=out, limits=limits, count=-(-PICTURES // count))
    found = spark.sparkContext.parallelize(chosen, min(2, count)).map(make).collect()
    return list(itertools.chain.from_iterable(found))[:PICTURES]


def _thumbnails(name: str, *, out: str, limits: ImageLimits, count: int) -> list[Thumbnail]:
    found: list[Thumbnail] = []
    uri = files.join(out, name)
    with files.open_input(uri) as tar:
        for sample in itertools.islice(samples(tar, uri), 4 * count):
            image = sample.first("jpg", "png", "webp", "gif")
            if image is None or "json" not in sample.members or len(found) == count:
                continue
            data = image.read(tar)
            meta = orjson.loads(sample.members["json"].read(tar))
            if small := _small(data, limits):
                uri64 = "data:image/jpeg;base64," + base64.b64encode(small).decode()
                found.append(Thumbnail(uri64, meta["caption"] or "", host_of(meta["url"])))
    return found


def _small(data: bytes, limits: ImageLimits) -> bytes | None:
    """`data` as a small JPEG, or None where it does not decode."""
    try:
        inspect(data, limits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=_DECODERS) as image:
                if scalable(data):
                    image.draft("RGB", (2 * SIDE, 2 * SIDE))
                shown = as_seen(image)
        shown.thumbnail((SIDE, SIDE))
    except ImageError:
        return None
    except Exception:  # decoders raise whatever they like; a picture less on the page
        return None
    out = io.BytesIO()
    shown.save(out, "JPEG", quality=70)
    return out.getvalue()
