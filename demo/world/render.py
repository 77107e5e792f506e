"""Pictures of scenes: 96 x 96 pixels, antialiased, encoded as JPEG, PNG or GIF.

Shapes are drawn four times too large and averaged down, which is Pillow's cheapest antialiasing. Colours are far
apart and objects fill most of their quarter, so that even a linear patch projection can tell them from one another.
"""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from demo.world.scene import Scene, Thing

SIDE = 96
"""Width and height of a picture, in pixels."""
_OVERSAMPLING = 4

PALETTE = {
    "red": (220, 35, 35),
    "green": (30, 150, 60),
    "blue": (35, 75, 225),
    "yellow": (245, 200, 20),
    "purple": (150, 50, 190),
    "black": (20, 20, 20),
}


def render(scene: Scene) -> Image.Image:
    """Draw `scene` as an RGB image of `SIDE` x `SIDE` pixels."""
    image = Image.new("RGB", (SIDE * _OVERSAMPLING,) * 2, scene.background)
    pen = ImageDraw.Draw(image)
    for thing in scene.things:
        _draw_thing(pen, thing)
    return image.reduce(_OVERSAMPLING)


def encode(image: Image.Image, kind: str, quality: int = 90) -> bytes:
    """Encode as `kind` (JPEG, PNG or GIF); `quality` is the JPEG scale of 1 to 95."""
    out = io.BytesIO()
    if kind == "JPEG":
        image.save(out, kind, quality=quality)
    else:
        image.save(out, kind)
    return out.getvalue()


def _draw_thing(pen: ImageDraw.ImageDraw, thing: Thing) -> None:
    quarter = SIDE // 4
    x = (quarter if thing.column == "left" else SIDE - quarter) + thing.shift[0]
    y = (quarter if thing.row == "top" else SIDE - quarter) + thing.shift[1]
    x, y, half = x * _OVERSAMPLING, y * _OVERSAMPLING, thing.size * _OVERSAMPLING // 2
    fill = PALETTE[thing.colour]
    if thing.shape == "circle":
        pen.ellipse((x - half, y - half, x + half, y + half), fill=fill)
    elif thing.shape == "square":
        pen.rectangle((x - half, y - half, x + half, y + half), fill=fill)
    elif thing.shape == "triangle":
        pen.polygon(((x, y - half), (x + half, y + half), (x - half, y + half)), fill=fill)
    elif thing.shape == "cross":
        arm = half // 3
        pen.rectangle((x - half, y - arm, x + half, y + arm), fill=fill)
        pen.rectangle((x - arm, y - half, x + arm, y + half), fill=fill)
    else:
        raise AssertionError(f"no way to draw a {thing.shape}")
