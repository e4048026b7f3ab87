"""What the network makes of a query and its tiles: the squares that it sees, and heat maps over them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from gallery import Localizer
from pages.errors import SPOKEN, sentence
from pages.services.engine import Engine
from pages.services.query_pictures import QueryPictures, uri_of

Look = Literal["pictures", "seen", "similarity", "saliency"]
"""What is drawn of query and tiles: themselves, what the network sees, or a heat map over that."""

Against = Literal["first", "true"]
"""Which tile the query's heat map is about."""

Trio = tuple[Any, Any, Any]
"""Query, first and true tile: what the embedder's `read` takes, None where there is none."""


@dataclass(frozen=True)
class DisplayOptions:
    """How a query is shown."""

    look: Look = "pictures"
    against: Against = "first"
    near_m: float = 50.0  # a wrong tile this near to the truth is marked as near

    @classmethod
    def read(cls, look: Any, against: Any, near_m: Any) -> "DisplayOptions":
        """What the controls say, where they say something that is possible."""
        return cls(
            look if look in get_args(Look) else "pictures",
            against if against in get_args(Against) else "first",
            float(near_m) if isinstance(near_m, int | float) else 0.0,
        )


def with_network_view(
    query: QueryPictures,
    engine: Engine,
    read: Callable[[Localizer], tuple[Trio, tuple[str, ...]]],
    options: DisplayOptions,
) -> QueryPictures:
    """A query with what the network makes of it, or with a sentence where that cannot be; waits for the model.

    Args:
        read: gives the pictures that were searched, and sentences about them.
    """
    if options.look == "pictures":
        return query
    try:
        localizer = engine.wait()
        pictures, remarks = read(localizer)
        drawn = as_network_sees(query, pictures, options, localizer.embedder)
    except SPOKEN as error:
        return replace(query, heat_caption=sentence(error))
    return replace(drawn, heat_caption=" ".join([drawn.heat_caption, *remarks]))


def as_network_sees(query: QueryPictures, pictures: Trio, options: DisplayOptions, embedder: Any) -> QueryPictures:
    """A query with what the network sees in place of its pictures. Args: embedder: of `mean_model`."""
    squares = [None if picture is None else embedder.seen(picture) for picture in pictures]
    photo, first, true = (uri_of(square) for square in squares)
    drawn = replace(query, photo=photo or query.photo)
    if drawn.strip and first:
        drawn = replace(drawn, strip=(replace(drawn.strip[0], uri=first), *drawn.strip[1:]))
    if drawn.truth and true:
        drawn = replace(drawn, truth=replace(drawn.truth, uri=true))
    caption = f"As {embedder.name} sees them, {embedder.image_size} pixels square."
    if options.look == "seen" or squares[0] is None:
        return replace(drawn, heat_caption=caption)
    return _heated(replace(drawn, heat_caption=caption), pictures, squares, options, embedder)


def _heated(
    query: QueryPictures, pictures: Trio, squares: list[Any], options: DisplayOptions, embedder: Any
) -> QueryPictures:
    from mean_model import heatmaps  # brings torch

    photo, *tiles = pictures
    chosen = 2 if options.against == "true" and tiles[1] is not None else 1
    heats: list[np.ndarray | None] = [None, None, None]
    for number, tile in enumerate(tiles, start=1):
        if tile is not None:
            of_query, heats[number] = heatmaps.pair_maps(embedder, photo, tile, kind=options.look)  # type: ignore[arg-type]
            if number == chosen:
                heats[0] = of_query
    known = [heat for heat in heats if heat is not None]
    if not known:
        return query
    span = heatmaps.span_of(*known) if options.look == "similarity" else (0.0, 1.0)
    over_photo, over_first, over_true = (
        None if heat is None else uri_of(heatmaps.overlay(square, heat, 1.0, span))
        for heat, square in zip(heats, squares, strict=True)
    )
    meaning = (
        f"how alike each place is to the other picture, {span[0]:.2f} dark to {span[1]:.2f} bright"
        if options.look == "similarity"
        else "which places make the two alike (Grad-CAM), bright is more"
    )
    other = "first" if chosen == 1 else "true"
    caption = (
        f"{query.heat_caption} Heat: {meaning}. The query's is for the {other} tile, each tile's is for the query."
    )
    return replace(query, heat=(over_photo, over_first, over_true), heat_caption=caption)
