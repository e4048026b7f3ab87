"""What is known about one photo: the tiles that answer it, a position and how far to believe it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gallery.geo import LonLat, Position, distance_m, turns
from gallery.judge.evidence import is_right
from gallery.judge.geometry import Check, Fit
from gallery.registration.registrar import Registration
from gallery.search.doubt import PoseReport
from gallery.tiles import Match

if TYPE_CHECKING:
    from gallery.store.gallery import Gallery


@dataclass(frozen=True)
class ExifCheck:
    """Where the photo itself says it is, and the metres from there to where geometry lays it, else to the best tile.

    The place is the point on flat ground that the camera looked at, when the photo states heading, pitch and height
    above take-off, and else the camera's own position; a note of the answer says which.
    """

    lon: float
    lat: float
    error_m: float


@dataclass(frozen=True)
class Answer:
    """What is known about one photo.

    Attributes:
        place: where it belongs if the search is right, believed or not; None where no tile was found.
        position: the same, if it is believed.
        confidence: calibrated probability that the place is right; None where nothing was calibrated.
    """

    photo: str
    matches: tuple[Match, ...]
    place: Position | None = None
    position: Position | None = None
    verdict: Literal["located", "unsure"] = "unsure"
    confidence: float | None = None
    exif: ExifCheck | None = None
    timings: dict[str, float] = field(default_factory=dict)  # stage -> seconds
    notes: tuple[str, ...] = ()
    seen: Any = field(default=None, compare=False, repr=False)  # the middle one of the pictures that were embedded
    check: Check | None = None  # what geometry says; None: it was not asked
    pose: PoseReport | None = None  # what was believed of the camera, and what came of it; None: nothing

    ground: Registration | None = field(
        default=None, compare=False, repr=False
    )  # how it lies on the ground, believed or not

    @property
    def fit(self) -> Fit | None:
        """The photo laid on the ground, where geometry found a place that fits."""
        return None if self.check is None else self.check.fit

    def error_m(self, truth: LonLat) -> float | None:
        """Metres from the truth to the place, believed or not; None where no tile was found."""
        return None if self.place is None else distance_m(truth, LonLat(self.place.lon, self.place.lat))

    def is_right(self, truth: LonLat) -> bool:
        """Whether the place is right, believed or not: see `gallery.judge.evidence.is_right`."""
        off_m = self.error_m(truth)
        return off_m is not None and self.place is not None and is_right(off_m, self.place.radius_m)

    def to_dict(self) -> dict[str, Any]:
        """The answer as the command line and the web API give it."""
        return {
            "photo": self.photo,
            "matches": [
                {
                    "rank": match.rank,
                    "tile_id": match.tile.id,
                    "score": match.score,
                    "lon": match.tile.centre.lon,
                    "lat": match.tile.centre.lat,
                    "bounds": match.tile.bounds.as_list(),
                }
                for match in self.matches
            ],
            "position": None if self.position is None else vars(self.position).copy(),
            "verdict": self.verdict,
            "confidence": self.confidence,
            "exif": None if self.exif is None else vars(self.exif).copy(),
            "geometry": None if self.check is None else self.check.to_dict(),
            "pose": None if self.pose is None else self.pose.to_dict(),
        }


@dataclass(frozen=True)
class PhotoProblem:
    """A photo that could not be read, and why."""

    photo: str
    error: str

    def to_dict(self) -> dict[str, str]:
        """The same for the command line and the web API."""
        return {"photo": self.photo, "error": self.error}


def taken_outside(gallery: "Gallery", answer: Answer) -> tuple[str, ...]:
    """A warning when the photo says that it was taken beyond the gallery."""
    if answer.exif is None or not len(gallery):
        return ()
    west, south = gallery.boxes[:, :2].min(axis=0)
    east, north = gallery.boxes[:, 2:].max(axis=0)
    point = LonLat(answer.exif.lon, answer.exif.lat)
    if south <= point.lat <= north and any(west <= lon <= east for lon in turns(point.lon)):
        return ()
    return ("By its EXIF the photo was taken outside this gallery: if that is right, every tile here is wrong.",)
