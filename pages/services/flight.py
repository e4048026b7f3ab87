"""What happens between the photos of a flight and what the page shows of their track; knows no Gradio."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from gallery import Localizer
from gallery.errors import GalleryError
from gallery.track import export
from gallery.track.flight_photos import flight_of
from gallery.track.motion import Motion
from gallery.track.track import Sighting, Track, sightings, track
from pages.common import maps
from pages.common.flight_map import flight_map
from pages.errors import BadQuestion
from pages.services.locate import MOST_PHOTOS, LocateService
from pages.services.question import TURNS, Turn

PLAYER_PX = 320
"""Longer side of the pictures of photos and tiles that are played."""


@dataclass(frozen=True)
class FlightQuestion:
    """How a flight is to be searched."""

    every_s: float | None = None  # None: by the times that the photos state
    max_speed_m_s: float = 20.0
    turn: Turn = "heading"
    verify: bool = True
    use_exif: bool = False  # each photo's own position counts as a weak hint
    basemap: bool = False


@dataclass(frozen=True)
class FlightView:
    """A track with all that the page draws of it."""

    track: Track
    pictures: tuple[tuple[str, str | None], ...]  # data URIs of each fix's photo and of its tile
    map_page: str
    files: dict[str, str]  # the track by kind of file
    seconds: float
    unasked: int = 0  # photos that were not asked because the visitor stopped
    basemap: bool = False


class FlightService:
    """Takes flights for the engine and the ground of the first page's service."""

    def __init__(self, service: LocateService, example: Sequence[Path] = ()) -> None:
        """Args: example: the photos of a flight that visitors can ask for; its answer is kept."""
        self.service = service
        self.example = tuple(example)
        self._answered: dict[FlightQuestion, FlightView] = {}

    def ask_example(
        self,
        question: FlightQuestion,
        progress: Callable[[int, int], None] | None = None,
        stopped: Callable[[], bool] = bool,
    ) -> FlightView:
        """The example's track; asked once for each question."""
        if question not in self._answered:
            shown = self.ask(self.example, question, progress, stopped)
            if shown.unasked:
                return shown
            self._answered[question] = shown
        return self._answered[question]

    def ask(
        self,
        paths: Sequence[Path],
        question: FlightQuestion,
        progress: Callable[[int, int], None] | None = None,
        stopped: Callable[[], bool] = bool,
    ) -> FlightView:
        """The track of photos, or of one video; a file of the camera's poses may be among them.

        Args:
            progress: is told how many photos are asked, and of how many, before the first and after each one.
            stopped: whether to leave the rest unasked; the track is then that of the photos so far.

        Raises:
            NotReady, BadQuestion, GalleryError: each with a sentence for the visitor.
        """
        if not paths:
            raise BadQuestion("Choose the photos of one flight, or a video.")
        if len(paths) > MOST_PHOTOS:
            raise BadQuestion(f"These are {len(paths)} photos; {MOST_PHOTOS} at once are possible.")
        motion = Motion(max_speed_m_s=question.max_speed_m_s)
        flight = flight_of(paths, question.every_s, MOST_PHOTOS)
        localizer = self.service.engine.wait()
        begun = time.perf_counter()
        seen: list[Sighting] = []
        if progress is not None:
            progress(0, flight.count)
        options = replace(TURNS[question.turn], verify=question.verify, use_exif_position=question.use_exif)
        every_s = question.every_s if flight.photos else None
        frames = flight.frames
        for sighting in sightings(
            localizer, frames, options=options, picture_px=PLAYER_PX, motion=motion, every_s=every_s
        ):
            seen.append(sighting)
            if progress is not None:
                progress(len(seen), flight.count)
            if stopped():
                break
        found = track(localizer, seen, motion, every_s)
        found = replace(found, notes=(*flight.notes, *found.notes))
        return FlightView(
            track=found,
            pictures=tuple(_pictures(localizer, fix.sighting) for fix in found.fixes),
            map_page=flight_map(found, self.service.backdrop(question.basemap)),
            files={kind: export.render(found, kind) for kind in get_args(export.Format)},
            seconds=time.perf_counter() - begun,
            unasked=max(0, flight.count - len(seen)) if stopped() else 0,
            basemap=question.basemap,
        )


def _pictures(localizer: Localizer, sighting: Sighting) -> tuple[str, str | None]:
    assert sighting.picture is not None  # was asked for
    photo = maps.picture_uri(sighting.picture, PLAYER_PX)
    if sighting.tile is None:
        return photo, None
    try:
        tile = localizer.gallery.image(sighting.tile, PLAYER_PX)
    except GalleryError:  # its raster is gone: the track does not hang on it
        return photo, None
    return photo, maps.picture_uri(tile, PLAYER_PX)
