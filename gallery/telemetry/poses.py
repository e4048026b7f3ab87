"""Poses that a file states for photos by their names, or for the frames of a video by their time."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast

from gallery.embedder import Photo, StatedPose
from gallery.photo.belief import PoseValues, Told

MOST_GAP_S = 2.0
"""Seconds by which a frame may lie off the nearest moment that a file states, and between two that it lies between."""

QUARTER_S, HOUR_S = 900, 3600
MOST_OFFSET_S = 14 * HOUR_S
"""Clocks differ by whole quarters of an hour, mostly by whole hours, and by no more than this."""

SAME_MOMENT_S = 1.5

SAME_LENGTH = 0.1
"""Share of a video's length by which a recording in a log may differ from it."""

OF_SENSOR = math.hypot(4, 3) / math.hypot(4, 4 * 9 / 16)
"""By how much a 16:9 frame's diagonal is shorter than that of its 4:3 sensor, for which the 35 mm figure is stated."""

QUANTITIES = {
    "heading_deg": "heading",
    "pitch_deg": "pitch",
    "height_m": "height",
    "focal_35mm": "focal length",
    "roll_deg": "roll",
}
"""The parts of a pose, as they are called."""

Taken = TypeVar("Taken", bound=Photo)


@dataclass(frozen=True)
class CameraPlace:
    """Where a camera was: degrees of WGS84, and metres above sea level."""

    lon: float
    lat: float
    altitude_m: float | None = None


@dataclass(frozen=True)
class PoseRecord:
    """What a file states of one photo, or of one moment of a video.

    Attributes:
        file: the photo's name, without folders; empty for a moment.
        time_s: since the video, or the log, began; None for a photo.
        filming: whether the camera was recording; None where a log does not say.
        whole_sensor: the focal length is that of the whole 4:3 sensor, also of 16:9 pictures.
        said_by: where in the file each quantity of the pose, and the position, was stated: a column, a tag.
        taken_at: of a photo, by its camera's clock, without a zone; None where the file does not say.
    """

    file: str = ""
    time_s: float | None = None
    pose: PoseValues = field(default_factory=PoseValues)
    place: CameraPlace | None = None
    filming: bool | None = None
    whole_sensor: bool = False
    said_by: dict[str, str] = field(default_factory=dict)
    taken_at: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether it states neither pose nor place."""
        return self.place is None and self.pose == PoseValues()


@dataclass(frozen=True)
class Poses:
    """All that a file states.

    Attributes:
        source: the file's name.
        records: in the order of the file.
        notes: how it was read, a sentence each.
        began_at: the day and time at which the times of its moments begin, without a zone; None where it is not said.
        utc: whether that is UTC.
    """

    source: str
    records: tuple[PoseRecord, ...]
    notes: tuple[str, ...] = ()
    began_at: datetime | None = None
    utc: bool = False

    @cached_property
    def _by_name(self) -> dict[str, list[PoseRecord]]:
        found: dict[str, list[PoseRecord]] = {}
        for record in self.records:
            if record.file:
                for key in {record.file.lower(), PurePosixPath(record.file.lower()).stem}:
                    found.setdefault(key, []).append(record)
        return found

    @cached_property
    def _moments(self) -> tuple[list[float], list[PoseRecord]]:
        timed = sorted((each for each in self.records if each.time_s is not None), key=lambda each: each.time_s or 0.0)
        return [each.time_s or 0.0 for each in timed], timed

    @property
    def by_time(self) -> bool:
        """Whether it states moments, and no photos."""
        return not self._by_name

    @property
    def tells_by_clock(self) -> bool:
        """Whether photos whose names it does not know may be told by the time at which they were taken."""
        return self.began_at is not None or any(each.taken_at is not None for each in self.records)

    def of_photo(self, name: str, taken_at: datetime | None = None) -> PoseRecord | None:
        """What is stated of a photo: by its name, by its name without the ending, by its time; None where unclear.

        Args: taken_at: by the camera's clock.
        """
        for key in (name.lower(), PurePosixPath(name.lower()).stem):
            named = self._by_name.get(key, [])
            if named:
                return named[0] if all(each == named[0] for each in named) else None
        return None if taken_at is None else self._at_clock(taken_at)

    def _at_clock(self, taken_at: datetime) -> PoseRecord | None:
        """What is stated of a moment by a camera's clock; None where several would fit, or none."""
        clock = taken_at.replace(tzinfo=None)
        listed = [each for each in self.records if each.taken_at is not None]
        near = [each for each in listed if abs((each.taken_at - clock).total_seconds()) <= SAME_MOMENT_S]  # type: ignore
        if near or self.began_at is None or not self._moments[0]:
            return near[0] if len(near) == 1 else None
        if self.utc and taken_at.tzinfo is not None:
            return self.at((taken_at.astimezone(UTC).replace(tzinfo=None) - self.began_at).total_seconds())
        since_s, (times, _) = (clock - self.began_at).total_seconds(), self._moments
        for step_s in (HOUR_S, QUARTER_S):  # what differs by whole hours is likelier
            steps = range(-MOST_OFFSET_S, MOST_OFFSET_S + 1, step_s)
            fits = [off for off in steps if times[0] - MOST_GAP_S <= since_s - off <= times[-1] + MOST_GAP_S]
            if fits:
                return self.at(since_s - fits[0]) if len(fits) == 1 else None
        return None

    def at(self, time_s: float) -> PoseRecord | None:
        """What is stated of a moment, between the two stated ones around it; None where none is near."""
        times, moments = self._moments
        after = bisect.bisect_left(times, time_s)
        near = [n for n in (after - 1, after) if 0 <= n < len(times) and abs(times[n] - time_s) <= MOST_GAP_S]
        if not near:
            return None
        if len(near) == 1 or times[near[1]] == times[near[0]]:
            return moments[near[0]]
        share = (time_s - times[near[0]]) / (times[near[1]] - times[near[0]])
        return _between(moments[near[0]], moments[near[1]], share, time_s)

    def of_video(self, length_s: float | None) -> "Poses":
        """The moments of one video, from its beginning: of a log that says when it recorded, one recording.

        Args: length_s: of the video; None: not known.
        """
        runs = _recordings(self._moments[1])
        if not runs:
            return self
        if length_s is not None:
            runs.sort(key=lambda run: abs((run[-1].time_s or 0.0) - (run[0].time_s or 0.0) - length_s))
        lengths_s = [(run[-1].time_s or 0.0) - (run[0].time_s or 0.0) for run in runs]
        note = ""
        if length_s is not None and abs(lengths_s[0] - length_s) > SAME_LENGTH * length_s + MOST_GAP_S:
            note = f"No recording in {self.source} is as long as the video: the nearest one was taken."
        elif len(runs) > 1 and (length_s is None or abs(lengths_s[1] - length_s) <= MOST_GAP_S):
            note = f"Several recordings in {self.source} may be the video: its poses may be those of another."
        shifted = tuple(replace(each, time_s=(each.time_s or 0.0) - (runs[0][0].time_s or 0.0)) for each in runs[0])
        return Poses(self.source, shifted, (*self.notes, note) if note else self.notes)

    def applied(self, photo: Taken, time_s: float | None = None) -> Taken:
        """A photo with what is stated of it in place of its own statements, and a note that says so.

        Args:
            photo: as an embedder reads it; a dataclass.
            time_s: of a frame, since its video began; None: a photo, which is known by its name, or its clock.
        """
        record = self.of_photo(photo.name, photo.taken_at) if time_s is None else self.at(time_s)
        if record is None:
            if time_s is not None:
                return photo
            by_time = self.by_time and not self.tells_by_clock
            why = "states poses by time, and not by photo" if by_time else "does not tell this photo from others"
            note = f"{self.source} {why}: its own statements were used."
            return cast(Taken, replace(cast(Any, photo), notes=(*photo.notes, note)))
        return with_record(photo, record, self.source)


def with_record(photo: Taken, record: PoseRecord, source: str) -> Taken:
    """A photo that states what a record says, and its own where the record says nothing. Args: source: for the note."""
    said = record.pose
    if said.focal_35mm is not None and record.whole_sensor and _is_16_to_9(photo.width_px, photo.height_px):
        said = replace(said, focal_35mm=said.focal_35mm * OF_SENSOR)
    named = [name for key, name in QUANTITIES.items() if getattr(said, key) is not None]
    note = (f"{source} states its {', '.join(named)}.",) if named else ()
    position = photo.position if record.place is None else record.place
    own = [each for each in photo.statements if each.quantity not in named]
    statements = (*own, *(Told(name, source) for name in named))
    changed = {"pose": merged(photo.pose, said), "position": position, "notes": (*photo.notes, *note)}
    return cast(Taken, replace(cast(Any, photo), **changed, statements=statements))


def merged(own: StatedPose | None, said: PoseValues) -> PoseValues:
    """A photo's own pose, and in its place what a file says; the roll goes with heading and pitch."""
    if own is None:
        return said
    turned = said.heading_deg is not None or said.pitch_deg is not None
    stated_lens = said.focal_35mm is not None
    return PoseValues(
        own.heading_deg if said.heading_deg is None else said.heading_deg,
        own.pitch_deg if said.pitch_deg is None else said.pitch_deg,
        own.height_m if said.height_m is None else said.height_m,
        said.focal_35mm if stated_lens else own.focal_35mm,
        said.roll_deg if turned else own.roll_deg,
        said.other_focals_35mm if stated_lens else own.other_focals_35mm,
    )


def _is_16_to_9(width_px: int, height_px: int) -> bool:
    return abs(max(width_px, height_px) / max(1, min(width_px, height_px)) - 16 / 9) <= 0.01


def _recordings(moments: Sequence[PoseRecord]) -> list[list[PoseRecord]]:
    """The runs of moments at which the camera was recording."""
    runs: list[list[PoseRecord]] = []
    before = False
    for moment in moments:
        if moment.filming:
            if not before:
                runs.append([])
            runs[-1].append(moment)
        before = bool(moment.filming)
    return runs


def _between(first: PoseRecord, second: PoseRecord, share: float, time_s: float) -> PoseRecord:
    """Two moments weighed; what only one of them states is that one's, if it is the nearer."""
    nearer = first if share < 0.5 else second
    pose = nearer.pose
    changes: dict[str, Any] = {}
    for name in ("pitch_deg", "height_m", "roll_deg"):
        one, other = getattr(first.pose, name), getattr(second.pose, name)
        if one is not None and other is not None:
            changes[name] = one + share * (other - one)
    if first.pose.heading_deg is not None and second.pose.heading_deg is not None:
        turn = (second.pose.heading_deg - first.pose.heading_deg + 180) % 360 - 180
        changes["heading_deg"] = (first.pose.heading_deg + share * turn) % 360
    place = nearer.place
    if first.place is not None and second.place is not None and abs(first.place.lon - second.place.lon) < 180:
        lon = first.place.lon + share * (second.place.lon - first.place.lon)
        lat = first.place.lat + share * (second.place.lat - first.place.lat)
        place = CameraPlace(lon, lat, nearer.place.altitude_m if nearer.place else None)
    return replace(nearer, time_s=time_s, pose=replace(pose, **changes), place=place)
