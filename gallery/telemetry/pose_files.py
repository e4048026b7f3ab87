"""Which reader a file of poses needs."""

from pathlib import Path

from gallery.errors import PosesError, PositionsError
from gallery.georef.archived_kml import kml_of_archive
from gallery.georef.position_lists import decoded
from gallery.telemetry.poses import Poses
from gallery.telemetry.subtitles import read_subtitles
from gallery.telemetry.tables import read_pose_table
from gallery.telemetry.tracks import read_kml

SUFFIXES = (".srt", ".csv", ".tsv", ".txt", ".kml", ".kmz")
"""Endings of the files that are read for poses."""

MOST_BYTES = 200_000_000


def read_poses(file: Path) -> Poses:
    """The poses that a file states: of photos by their names, or of moments of a video.

    Args:
        file: subtitles of DJI (.srt), a table or a log (.csv, .tsv, .txt), or KML (.kml, .kmz).

    Raises:
        PosesError: it is missing, of another kind, too large, or states nothing; one sentence.
    """
    if not file.is_file():
        raise PosesError(f"There is no file {file.name}: check the path of the poses.")
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise PosesError(f"{file.name} ends in none of {', '.join(SUFFIXES)}: give poses as one of these.")
    if file.stat().st_size > MOST_BYTES:
        raise PosesError(f"{file.name} is larger than {MOST_BYTES // 1_000_000} MB: cut it to one flight.")
    if suffix == ".kmz":
        try:
            return read_kml(kml_of_archive(file), file.name)
        except PositionsError as error:
            raise PosesError(str(error)) from error
    data = file.read_bytes()
    if suffix == ".kml":
        return read_kml(data, file.name)
    text = decoded(data)
    if text is None:
        raise PosesError(f"{file.name} is no text in UTF-8, UTF-16 or Windows-1252: save it as text in UTF-8.")
    return read_subtitles(text, file.name) if suffix == ".srt" else read_pose_table(text, file.name)


def beside(video: Path) -> Path | None:
    """The subtitles that a drone wrote beside a video: of the same name; None where there are none."""
    return next((file for suffix in (".SRT", ".srt") if (file := video.with_suffix(suffix)).is_file()), None)
