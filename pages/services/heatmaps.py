"""What the network makes of a query and its tiles: the squares that it sees, and heat maps over them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from gallery import Localizer
from pages.common import maps
from pages.common.query_view import Sight
from pages.errors import SPOKEN, sentence
from pages.services.engine import Engine

Look = Literal["pictures", "seen", "similarity", "saliency"]
"""What is drawn of query and tiles: themselves, what the network sees, or a heat map over that."""

Against = Literal["first", "true"]
"""Which tile the query's heat map is about."""

PICTURE_PX = 384
STRIP_PX = 160
RANKED = 10
"""So many tiles stand in a strip."""


@dataclass(frozen=True)
class DisplayOptions:
    """How a query is shown."""

    look: Look = "pictures"
    against: Against = "first"
    near_m: float = 50.0  # a wrong tile this near to the truth is marked as near


def uri_of(image: Image.Image | None, max_px: int = PICTURE_PX) -> str | None:
    """A picture as a data URI; None for none."""
    return None if image is None else maps.picture_uri(image, max_px, quality=84)


def how_of(look: Any, against: Any, near_m: Any) -> DisplayOptions:
    """What the controls say, where they say something that is possible."""
    return DisplayOptions(
        look if look in get_args(Look) else "pictures",
        against if against in get_args(Against) else "first",
        float(near_m) if isinstance(near_m, int | float) else 0.0,
    )


def looked(shown: Sight, engine: Engine, pictures: Callable[[Localizer], tuple], how: DisplayOptions) -> Sight:
    """A sight with what the network makes of it, or with a sentence where that cannot be; waits for the model.

    Args: pictures: gives what was searched, the first and the true tile, each as the embedder's `read` takes it or
        None, and perhaps sentences about them.
    """
    if how.look == "pictures":
        return shown
    try:
        localizer = engine.wait()
        query, first, true, *told = pictures(localizer)
        shown = seen(shown, (query, first, true), how, localizer.embedder)
    except SPOKEN as error:
        return replace(shown, heat_caption=sentence(error))
    return replace(shown, heat_caption=" ".join([shown.heat_caption, *told]))


def seen(shown: Sight, pictures: tuple[Any, Any, Any], how: DisplayOptions, embedder: Any) -> Sight:
    """A sight with what the network sees in place of its pictures.

    Args:
        pictures: query, first and true tile; what the embedder's `read` takes, None where there is none.
        embedder: of `mean_model`.
    """
    squares = [None if picture is None else embedder.seen(picture) for picture in pictures]
    photo, first, true = (uri_of(square) for square in squares)
    shown = replace(shown, photo=photo or shown.photo)
    if shown.strip and first:
        shown = replace(shown, strip=(replace(shown.strip[0], uri=first), *shown.strip[1:]))
    if shown.truth and true:
        shown = replace(shown, truth=replace(shown.truth, uri=true))
    caption = f"As {embedder.name} sees them, {embedder.image_size} pixels square."
    if how.look == "seen" or squares[0] is None:
        return replace(shown, heat_caption=caption)
    return _heated(replace(shown, heat_caption=caption), pictures, squares, how, embedder)


def _heated(shown: Sight, pictures: Any, squares: Any, how: DisplayOptions, embedder: Any) -> Sight:
    from mean_model import heatmaps  # brings torch

    query, *tiles = pictures
    chosen = 2 if how.against == "true" and tiles[1] is not None else 1
    heats: list[np.ndarray | None] = [None, None, None]
    for number, tile in enumerate(tiles, start=1):
        if tile is not None:
            of_query, heats[number] = heatmaps.pair_maps(embedder, query, tile, kind=how.look)  # type: ignore[arg-type]
            if number == chosen:
                heats[0] = of_query
    known = [heat for heat in heats if heat is not None]
    if not known:
        return shown
    span = heatmaps.span_of(*known) if how.look == "similarity" else (0.0, 1.0)
    photo, first, true = (
        None if heat is None else uri_of(heatmaps.overlay(square, heat, 1.0, span))
        for heat, square in zip(heats, squares, strict=True)
    )
    meaning = (
        f"how alike each place is to the other picture, {span[0]:.2f} dark to {span[1]:.2f} bright"
        if how.look == "similarity"
        else "which places make the two alike (Grad-CAM), bright is more"
    )
    other = "first" if chosen == 1 else "true"
    told = f"{shown.heat_caption} Heat: {meaning}. The query's is for the {other} tile, each tile's is for the query."
    return replace(shown, heat=(photo, first, true), heat_caption=told)
