"""What `python -m gallery track` says and writes: the track as a table, its summary, and the file that it goes to."""

from pathlib import Path
from statistics import median
from typing import cast

import numpy as np

from gallery.errors import TrackError
from gallery.export import clean
from gallery.paths import write_whole
from gallery.track import export
from gallery.track.track import Track


def write(track: Track, file: Path) -> None:
    """Write a track as the file's ending says: at once, or not at all.

    Raises:
        TrackError: the file cannot be written.
    """
    rendered = export.render(track, cast(export.Format, file.suffix.lower().lstrip(".")))
    try:
        write_whole(file, lambda path: path.write_text(rendered, "utf-8"))
    except OSError as error:
        raise TrackError(f"{file.name} cannot be written: check its folder's permissions.") from error


def text(track: Track) -> str:
    """The track for reading."""
    width = max(len(clean(fix.photo)) for fix in track.fixes)
    lines = [f"{'photo':{width}}  {'time':>8}  state    {'longitude':>11} {'latitude':>11}  radius  from EXIF"]
    for fix in track.fixes:
        at = fix.position
        place = f"{at.lon:11.6f} {at.lat:11.6f}  {at.radius_m:4.0f} m" if at else f"{'–':>11} {'–':>11}  {'–':>6}"
        error = "–" if fix.error_m is None else f"{fix.error_m:.0f} m"
        lines.append(f"{clean(fix.photo):{width}}  {fix.time_s:6.1f} s  {fix.state:7}  {place}  {error:>9}")
    lines += [f"{clean(problem.photo)}: {problem.error}" for problem in track.problems]
    return "\n".join([*lines, summary(track), *track.notes])


def summary(track: Track) -> str:
    """How many photos were found, and how far from where their EXIF puts them."""
    counts = ", ".join(f"{track.count(state)} {state}" for state in ("found", "bridged", "lost"))
    errors_m = [fix.error_m for fix in track.fixes if fix.error_m is not None]
    if not errors_m:
        return f"{len(track.fixes)} photos: {counts}."
    return (
        f"{len(track.fixes)} photos: {counts}; median {median(errors_m):.0f} m from where their EXIF puts them, 95 % "
        f"within {np.percentile(errors_m, 95):.0f} m."
    )
