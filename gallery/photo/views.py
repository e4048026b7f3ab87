"""Which views of a photo are searched: from above by its pose, north up by its heading, or its quarter turns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from PIL import Image

from gallery.embedder import Photo
from gallery.photo.pose import LEAST_DOWN_DEG, Pose, complete_pose, heading_of
from gallery.photo.rectify import LEAST_PX, LEAST_SEEN, MOST_PX, seen_from_above

WORKING_PX = 1024
"""A picture is shrunk to this side before it is turned: more than any network looks at, and quick."""

LEAST_WORKING_PX = 64
"""A smaller one is enlarged to this side, so that what is left of a thumbnail is still a picture."""

FRAMES_REACH = 2
"""Distance of the outermost squares on the ground plane from the middle one, in half sides."""

MOST_VIEW_PX = MOST_PX // (1 + FRAMES_REACH)
"""Pixels, side of a square on the ground plane, unless the network looks at fewer."""

VIEW_SIDES = 2
"""How many times as wide as the network's picture a square is made: photos are read as large."""

LEAST_FILLED = 0.35
"""Least share of a square beside the middle one that the photo must fill for it to be searched."""

GUESSED_HEADINGS = 16
"""Headings that are tried for a photo that states none: a network from above bears an error of half a step."""

GUESSED_PITCHES_DEG = (-78.0, -55.0)
GUESSED_HEIGHTS = (0.55, 0.8, 1.2, 1.7)  # in tile sides, for the lens below
GUESSED_FOCAL_35MM = 23.0  # the wide camera of small drones

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


@dataclass(frozen=True)
class QueryCrop:
    """One picture that is embedded for a photo."""

    image: Any  # what an embedder takes
    east_m: float = 0.0  # of its middle, from the point under the photo's centre
    north_m: float = 0.0
    weight: float = 1.0  # of its score


@dataclass(frozen=True)
class QueryViews:
    """All that is embedded for one photo, the middle one first."""

    views: tuple[QueryCrop, ...]
    note: str  # a sentence that says what was done
    side_m: float | None = None  # of ground squares, whose scores are averaged; None: turns, the best of which counts
    guessed: bool = False  # the camera's pose was not stated
    pose: Pose | None = None  # by which the photo was brought to the ground plane


def view_px_of(image_size: int) -> int:
    """Side of a square on the ground plane, pixels, for a network that looks at pictures of so many."""
    return min(MOST_VIEW_PX, max(LEAST_PX, VIEW_SIDES * image_size))


def query_views(
    photo: Photo, rotations: int, north_up: bool, side_m: float | None = None, view_px: int = MOST_VIEW_PX
) -> QueryViews:
    """What is embedded of a photo.

    Args:
        photo: what an embedder's `read` returns.
        rotations: 1, or more for the quarter turns, unless the heading is known and used.
        north_up: use what the photo states of its camera's pose; False ignores it.
        side_m: side of a tile on the ground: a photo with a complete pose is then brought to the ground plane. None
            for networks that have not learnt to read such views: the photo is only turned.
        view_px: `view_px_of` the network.
    """
    pose = complete_pose(photo.pose) if north_up and side_m is not None else None
    if pose is not None and side_m is not None:
        frames = frames_of(photo.image, pose, side_m, view_px)
        if frames:
            count = "one square" if len(frames) == 1 else f"{len(frames)} overlapping squares"
            note = (
                "The photo was brought to the ground plane by the heading, pitch, height and focal length that it "
                f"states, and searched as {count} of {side_m:.0f} m."
            )
            return QueryViews(frames, note, side_m, pose=pose)
    heading_deg = heading_of(photo.pose) if north_up else None
    if heading_deg is not None:
        note = f"The photo was turned by {round(heading_deg) % 360} degrees so that north is up, from its EXIF heading."
        return QueryViews((QueryCrop(turned_north_up(photo.image, heading_deg)),), note)
    why = "The photo does not state its heading" if north_up else "A heading was not asked for"
    if rotations == 1:
        note = f"{why}: it was searched as it is, as if its upper side were north."
        return QueryViews((QueryCrop(photo),), note)
    turned = (photo.image if turn is None else photo.image.transpose(turn) for turn in _QUARTERS)
    return QueryViews(tuple(QueryCrop(one) for one in turned), f"{why}: its four quarter turns were searched.")


def guessed_poses(photo: Photo, rotations: int, north_up: bool, side_m: float | None) -> tuple[Pose, ...]:
    """Poses that a photo may have been taken with, when it does not state a complete one; empty when it does.

    Args:
        photo, north_up, side_m: as for `query_views`.
        rotations: headings to try, unless the photo states one; below 16 nothing is guessed. What it states of pitch,
            height and lens is kept.
    """
    if side_m is None or rotations < GUESSED_HEADINGS or (north_up and complete_pose(photo.pose) is not None):
        return ()
    stated_deg = heading_of(photo.pose) if north_up else None
    headings_deg = [360 / rotations * turn for turn in range(rotations)] if stated_deg is None else [stated_deg]
    lens = (photo.pose and photo.pose.focal_35mm) or GUESSED_FOCAL_35MM
    # A longer lens shows the same ground from higher up.
    heights_m = [share * side_m * lens / GUESSED_FOCAL_35MM for share in GUESSED_HEIGHTS]
    pitches_deg: Sequence[float] = GUESSED_PITCHES_DEG
    if north_up and photo.pose is not None:
        pitch_deg, height_m = photo.pose.pitch_deg, photo.pose.height_m
        if pitch_deg is not None and -90 <= pitch_deg <= -LEAST_DOWN_DEG:
            pitches_deg = [pitch_deg]
        if height_m is not None and photo.pose.focal_35mm and 0 < height_m < math.inf:
            heights_m = [height_m]
    return tuple(Pose(*guess, lens) for guess in product(headings_deg, pitches_deg, heights_m))


def guessed_views(image: Image.Image, pose: Pose, side_m: float, tried: int, view_px: int) -> QueryViews:
    """The views of a photo under the pose that fits best of those that were tried."""
    note = (
        f"The photo does not state how its camera looked: {tried} poses were tried, and the gallery fits best with its "
        f"upper side towards {pose.heading_deg:.0f} degrees."
    )
    return QueryViews(frames_of(image, pose, side_m, view_px), note, side_m, guessed=True, pose=pose)


def laid_views(image: Image.Image, pose: Pose, side_m: float, view_px: int) -> QueryViews:
    """The views of a photo under the pose that the ground gave it; turned north up where they show too little."""
    note = (
        "The pose that the photo does not state was found on the ground: its upper side points towards "
        f"{pose.heading_deg:.0f} degrees."
    )
    frames = frames_of(image, pose, side_m, view_px)
    return QueryViews(frames or (QueryCrop(turned_north_up(image, pose.heading_deg)),), note, side_m, pose=pose)


def frames_of(image: Image.Image, pose: Pose, side_m: float, view_px: int) -> tuple[QueryCrop, ...]:
    """Squares of a tile's size, half a side apart, that a photo fills well enough once it lies on the ground plane.

    A square weighs by the second power of the share that the photo fills. Empty when even the middle one is nearly so.
    """
    ground = seen_from_above(image, pose, side_m * (1 + FRAMES_REACH), view_px * (1 + FRAMES_REACH))
    steps = sorted(product(range(-FRAMES_REACH, FRAMES_REACH + 1), repeat=2), key=lambda ij: (ij != (0, 0), ij))
    frames = []
    for i, j in steps:
        east_m, north_m = i * side_m / 2, j * side_m / 2
        square, share = ground.cut(east_m, north_m, side_m)
        if share >= (LEAST_SEEN if (i, j) == (0, 0) else LEAST_FILLED):
            frames.append(QueryCrop(square, east_m, north_m, share**2))
        elif (i, j) == (0, 0):
            return ()
    return tuple(frames)
