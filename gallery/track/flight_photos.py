"""The command `track`: which photos make the flight, and its track for reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gallery.errors import TrackError
from gallery.imagery.images import IMAGE_SUFFIXES
from gallery.track import video
from gallery.track.track import Frame

VIDEO_EVERY_S = 4.0
"""Seconds between two frames of a video, unless somebody says otherwise."""


@dataclass(frozen=True)
class Flight:
    """The photos of a flight, not yet read."""

    frames: Iterator[Frame]
    count: int  # at most
    photos: bool  # not a video, whose frames know when they were taken


def flight_of(paths: Sequence[Path], every_s: float | None = None, most: int = video.MOST_FRAMES) -> Flight:
    """The photos of files and folders in the order of their names, or the frames of one video.

    Args:
        every_s: between two frames that are taken of a video.
        most: frames that are taken of a video at most.

    Raises:
        TrackError: there are none, more than one video, or a video that cannot be read.
    """
    for path in paths:
        if not path.exists():
            raise TrackError(f"There is no file or folder {path.name}. Check the path.")
    named = [file for path in paths for file in (_images(path) if path.is_dir() else [path])]
    videos = [file for file in named if file.suffix.lower() in video.SUFFIXES]
    if videos and len(named) > 1:
        raise TrackError("A flight is one video, or photos: give them one at a time.")
    if videos:
        footage = video.video_of(videos[0], every_s or VIDEO_EVERY_S, most)
        return Flight(video.frames(footage), footage.count, photos=False)
    if not named:
        raise TrackError("There is no photo in that folder. Give photos, a folder of photos, or a video.")
    return Flight((Frame(file.name, file) for file in named), len(named), photos=True)


def _images(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
