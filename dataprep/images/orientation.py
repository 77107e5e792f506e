"""Turns pictures upright, as their EXIF orientation says."""

from __future__ import annotations

import io
from typing import Any

from PIL import ImageFile, ImageOps
from PIL.JpegImagePlugin import get_sampling

from dataprep.images.inspect import DECODER, ImageError, ImageFault, ImageInfo, open_image, plain_reason


def upright(data: bytes, info: ImageInfo) -> tuple[bytes, ImageInfo]:
    """Apply the EXIF orientation: bytes whose pixels stand as they are meant to be seen, and what they are.

    Upright images come back as they are. A JPEG is encoded again with its own quantisation tables, transposed with the
    picture, so that it loses next to nothing; PNG loses nothing. Metadata but the colour profile stay behind.

    Raises:
        ImageError: the pixels cannot be decoded.
    """
    if info.orientation == 1:
        return data, info
    out = io.BytesIO()
    try:
        with open_image(data, info.kind) as image:
            turned = ImageOps.exif_transpose(image)
            options: dict[str, Any] = {"icc_profile": image.info.get("icc_profile"), "exif": b""}
            if info.kind == "jpg":
                options |= _same_quality(image, swapped=info.orientation >= 5)
            elif info.kind == "webp":
                options["quality"] = 95
            turned.info.pop("exif", None)
            turned.save(out, DECODER[info.kind], **options)
            width, height = turned.size
    except ImageError:
        raise
    except MemoryError:  # the machine's fault
        raise
    except Exception as error:
        raise ImageError(ImageFault.UNDECODABLE, plain_reason(error)) from None
    return out.getvalue(), ImageInfo(info.kind, width, height, 1)


def _same_quality(image: ImageFile.ImageFile, *, swapped: bool) -> dict[str, Any]:
    """Encoder settings that repeat those of the JPEG `image`; with `swapped`, for its transposed picture."""
    tables = getattr(image, "quantization", {})
    sampling = get_sampling(image)
    if swapped:
        tables = {n: [table[8 * (i % 8) + i // 8] for i in range(64)] for n, table in tables.items()}
        sampling = 0 if sampling == 1 else sampling  # 4:2:2 on its side is 4:4:0, which the encoder does not offer
    return {"qtables": tables, "subsampling": sampling if sampling >= 0 else 0}
