"""A track made up for tests: found, lost for two photos, found again, with a hostile name."""

from datetime import UTC, datetime, timedelta

from gallery.geo import Position
from gallery.search.answer import ExifCheck, PhotoProblem
from gallery.track.track import Fix, Sighting, Track

HOSTILE = "<b>&\x00.jpg"
BEGIN = datetime(2026, 6, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def fix(number: int, lon: float | None, name: str = "", taken: bool = True, state: str = "found") -> Fix:
    position = None if lon is None else Position(lon, 1.0, 8.0)
    taken_at = BEGIN + timedelta(seconds=4 * number) if taken else None
    sighting = Sighting(name or f"{number}.jpg", stated=ExifCheck(0.001 * number, 1.0, 5.0))
    state = "lost" if lon is None else state
    return Fix(sighting.name, 4.0 * number, taken_at, state, 0.97, position, sighting)


def made_track() -> Track:
    lons = [0.0, 0.001, 0.002, None, None, 0.005, 0.006]
    fixes = [fix(number, lon, HOSTILE if number == 1 else "") for number, lon in enumerate(lons)]
    return Track(tuple(fixes), (PhotoProblem("bad.jpg", "bad.jpg is empty."),))
