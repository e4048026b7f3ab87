"""Which turns of a photo are searched: north up when its heading is known, quarter turns when it is not."""

import math
from typing import Any

from PIL import Image

WORKING_PX = 1024
"""A picture is shrunk to this side before it is turned: more than any network looks at, and quick."""

LEAST_WORKING_PX = 64
"""A smaller one is enlarged to this side, so that what is left of a thumbnail is still a picture."""

_QUARTERS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def turned_north_up(image: Image.Image, heading_deg: float) -> Image.Image:
    """The picture turned about its centre so that north is up: the largest centred square without an empty corner.

    Whole quarter turns are exact and keep the size; others are resampled (bicubic) at a side of at most `WORKING_PX`.

    Args:
        image: any shape; its up points to heading_deg on the ground.
        heading_deg: clockwise from north, finite.

    Returns: a square of side min(width, height) / (|cos| + |sin|) of the heading, at the working size.
    """
    whole_px = min(image.size)
    left, top = (image.width - whole_px) // 2, (image.height - whole_px) // 2
    box = (left, top, left + whole_px, top + whole_px)
    quarters, rest_deg = divmod(heading_deg % 360, 90)
    if rest_deg == 0:
        turn = _QUARTERS[-int(quarters) % 4]  # Pillow counts counter-clockwise
        return image.crop(box) if turn is None else image.crop(box).transpose(turn)
    side_px = max(LEAST_WORKING_PX, min(whole_px, WORKING_PX))
    # Filters before it shrinks; the turn itself then keeps the scale and needs no filter.
    square = image.resize((side_px, side_px), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    cos, sin = math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))
    inner_px = math.floor(side_px / (abs(cos) + abs(sin)))
    from_px, to_px = inner_px / 2, side_px / 2  # the centre in the turned picture and in the square
    back = (cos, sin, to_px - (cos + sin) * from_px, -sin, cos, to_px - (cos - sin) * from_px)
    return square.transform((inner_px, inner_px), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)


def searched_views(photo: Any, rotations: int, north_up: bool) -> tuple[list[Any], str]:
    """What is embedded of a photo, and a sentence that says so. The best score of the views counts.

    Args:
        photo: what an embedder's `read` returns.
        rotations: 1, or 4 for the quarter turns, unless the heading is known and used.
        north_up: turn the photo by the heading that it states; False ignores the heading.
    """
    heading_deg = heading_of(photo) if north_up else None
    if heading_deg is not None:
        note = f"The photo was turned by {round(heading_deg) % 360} degrees so that north is up, from its EXIF heading."
        return [turned_north_up(photo.image, heading_deg)], note
    why = "The photo does not state its heading" if north_up else "A heading was not asked for"
    if rotations == 1:
        return [photo], f"{why}: it was searched as it is, as if its upper side were north."
    views = [photo.image if turn is None else photo.image.transpose(turn) for turn in _QUARTERS]
    return views, f"{why}: its four quarter turns were searched."


def heading_of(photo: Any) -> float | None:
    """Degrees clockwise from north, in [0, 360), that the photo's up points to by its own statement."""
    heading_deg = getattr(getattr(photo, "position", None), "heading_deg", None)
    return heading_deg % 360 if heading_deg is not None and math.isfinite(heading_deg) else None
