"""The command `track`: which photos make the flight, which file states their poses, and its track for reading."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gallery.errors import PosesError, TrackError
from gallery.imagery.images import IMAGE_SUFFIXES
from gallery.telemetry import pose_files
from gallery.telemetry.poses import Poses
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
    notes: tuple[str, ...] = ()  # which file states the poses, and of how many of them


def flight_of(
    paths: Sequence[Path],
    every_s: float | None = None,
    most: int = video.MOST_FRAMES,
    poses: Poses | None = None,
) -> Flight:
    """The photos of files and folders in the order of their names, or the frames of one video.

    A file of poses may be among the paths; the subtitles that a drone wrote beside a video are found by its name.

    Args:
        every_s: between two frames that are taken of a video.
        most: frames that are taken of a video at most.
        poses: what a file states of the photos or frames.

    Raises:
        TrackError: there are no photos, more than one video, or a video that cannot be read.
        PosesError: a file of poses among the paths cannot be read.
    """
    for path in paths:
        if not path.exists():
            raise TrackError(f"There is no file or folder {path.name}. Check the path.")
    stating = [path for path in paths if path.suffix.lower() in pose_files.SUFFIXES and path.is_file()]
    if len(stating) + (poses is not None) > 1:
        raise TrackError("A flight has one file of poses: leave the others out.")
    named = [file for path in paths if path not in stating for file in (_in(path) if path.is_dir() else [path])]
    videos = [file for file in named if file.suffix.lower() in video.SUFFIXES]
    if videos and len(named) > 1:
        raise TrackError("A flight is one video, or photos: give them one at a time.")
    if not named:
        where = "with that file of poses" if stating else "in that folder"
        raise TrackError(f"There is no photo {where}. Give photos, a folder of photos, or a video.")
    if stating:
        poses = pose_files.read_poses(stating[0])
    if videos:
        return _of_video(video.video_of(videos[0], every_s or VIDEO_EVERY_S, most), poses)
    notes = () if poses is None else _told(poses, [poses.of_photo(file.name) is not None for file in named])
    if poses is not None and poses.tells_by_clock and not all(poses.of_photo(file.name) for file in named):
        notes = (f"{poses.source} states poses by the clock: photos that it does not name are told by their time.",)
    return Flight((Frame(file.name, file, poses=poses) for file in named), len(named), photos=True, notes=notes)


def _in(folder: Path) -> list[Path]:
    """The photos of a folder; where it has none, its videos."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    photos = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    return photos or [file for file in files if file.suffix.lower() in video.SUFFIXES]


def _of_video(footage: video.Video, poses: Poses | None) -> Flight:
    """The frames of a video, with the poses that are given, or that lie beside it."""
    beside, notes = pose_files.beside(footage.path), tuple[str, ...]()
    if poses is None and beside is not None:
        try:
            poses = pose_files.read_poses(beside)
        except PosesError as error:  # the video's own speech, for example
            notes = (f"{error} The video's frames were asked without it.",)
    if poses is None:
        return Flight(video.frames(footage), footage.count, photos=False, notes=notes)
    poses = poses.of_video(footage.length_s)
    stated = [poses.at(number * footage.every_s) is not None for number in range(footage.count)]
    frames = (replace(frame, poses=poses) for frame in video.frames(footage))
    return Flight(frames, footage.count, photos=False, notes=_told(poses, stated))


def _told(poses: Poses, stated: Sequence[bool]) -> tuple[str, ...]:
    """Which file states the poses, and of how many photos. Args: stated: whether it does, for each of them."""
    doubt = "" if any(stated) else " Is it of another flight?"
    return f"{poses.source} states poses for {sum(stated)} of {len(stated)} photos.{doubt}", *poses.notes
