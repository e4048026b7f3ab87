"""What is asked of photos: how many tiles, turned how, and where they may lie."""

from dataclasses import dataclass, replace
from typing import Literal

from gallery import Near
from gallery.embedder import PhotoPosition
from gallery.photo.correction import NOTHING_SET, PoseCorrection
from gallery.search.options import SearchOptions
from pages.errors import BadQuestion

Where = Literal["all", "exif", "point"]
Turn = Literal["heading", "guessed", "none"]
TURNS: dict[Turn, SearchOptions] = {
    "heading": SearchOptions(16, north_up=True),  # by the photo's pose; what it does not state is guessed
    "guessed": SearchOptions(16, north_up=False),
    "none": SearchOptions(1, north_up=False),
}
"""How the photo is turned before it is searched."""


@dataclass(frozen=True)
class PhotoQuestion:
    """How a photo is to be searched."""

    k: int = 5
    turn: Turn = "heading"
    where: Where = "all"
    lon: float | None = None
    lat: float | None = None
    radius_km: float = 1.0
    basemap: bool = False
    use_exif: bool = False  # the photo's own position counts as a weak hint
    correction: PoseCorrection = NOTHING_SET  # of the photo's pose, by hand

    @property
    def options(self) -> SearchOptions:
        """How the photo is searched."""
        return replace(TURNS[self.turn], use_exif_position=self.use_exif, correction=self.correction)


def area_of(question: PhotoQuestion, position: PhotoPosition | None) -> tuple[Near | None, tuple[str, ...]]:
    """The area that a question is limited to, and what has to be said about it.

    Raises:
        BadQuestion: coordinates are missing.
        AreaError: they do not exist.
    """
    if question.where == "point":
        if question.lon is None or question.lat is None:
            raise BadQuestion("To search near a point, give its longitude and latitude in degrees.")
        return Near(question.lon, question.lat, question.radius_km), ()
    if question.where == "exif":
        if position is None:
            return None, ("The photo carries no position, so the whole gallery was searched.",)
        return Near(position.lon, position.lat, question.radius_km), ()
    return None, ()
