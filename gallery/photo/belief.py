"""What is believed of a photo's camera, and who says so: its file, tag by tag, or somebody who corrects it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from gallery.embedder import Photo
from gallery.photo.correction import QUANTITIES, PoseCorrection

BY_YOU = "you"
"""The tag of what was set by hand."""

_UNITS = {"heading": " degrees", "pitch": " degrees", "height": " m", "lens": " mm"}
_STATED_AS = {"lens": "focal length"}  # how a statement calls it, where that differs
_GIMBAL = ("Gimbal", "CameraOrientation", "CameraYaw", "CameraPitch")
_AIRCRAFT = ("FlightYaw", "VehicleOrientation", "DroneYaw")

Read = TypeVar("Read", bound=Photo)


@dataclass(frozen=True)
class PoseValues:
    """How a camera looked, as `gallery.embedder.StatedPose` has it."""

    heading_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    focal_35mm: float | None = None
    roll_deg: float | None = None
    other_focals_35mm: tuple[float, ...] = ()


@dataclass(frozen=True)
class Told:
    """What is said of a photo by somebody else than its file, as `gallery.embedder.Statement` has it."""

    quantity: str
    tag: str
    taken: bool = True


@dataclass(frozen=True)
class Belief:
    """A quantity of a pose as it is believed.

    Attributes:
        quantity: heading, pitch, height or lens.
        value: degrees clockwise from north, degrees from level, metres, or millimetres for 35 mm film.
        source: who says so, in words; empty where that is not known.
    """

    quantity: str
    value: float
    source: str

    @property
    def by_you(self) -> bool:
        """Whether it was set by hand."""
        return self.source == BY_YOU

    @property
    def words(self) -> str:
        """For a sentence."""
        who = "set by you" if self.by_you else f"from {self.source}" if self.source else ""
        value = f"{self.quantity} {round(self.value, 1):g}{_UNITS[self.quantity]}"
        return f"{value}, {who}" if who else value


def beliefs_of(photo: Photo) -> tuple[Belief, ...]:
    """What is believed of a photo's heading, pitch, height and lens; nothing of what is not stated."""
    if photo.pose is None:
        return ()
    believed = []
    for quantity, name in QUANTITIES.items():
        value = getattr(photo.pose, name)
        if value is not None:
            called = _STATED_AS.get(quantity, quantity)
            tags = [said.tag for said in photo.statements if said.quantity == called and said.taken]
            believed.append(Belief(quantity, float(value), source_of(tags[0]) if tags else ""))
    return tuple(believed)


def source_of(tag: str) -> str:
    """Who says what a tag holds, in words."""
    name = tag.rpartition(":")[2]
    if name.startswith(_GIMBAL):
        return "the gimbal"
    return "the aircraft" if name.startswith(_AIRCRAFT) else name


def corrected(photo: Read, correction: PoseCorrection) -> Read:
    """A photo with what somebody set in place of what its file states. Args: photo: a dataclass, as readers give it."""
    if correction.empty:
        return photo
    own = photo.pose
    values: dict[str, Any] = {name: getattr(own, name, None) for name in (*QUANTITIES.values(), "roll_deg")}
    changed: Mapping[str, float | None] = {
        quantity: None if quantity in correction.left_out else getattr(correction, name)
        for quantity, name in QUANTITIES.items()
        if quantity in correction.left_out or getattr(correction, name) is not None
    }
    for quantity, value in changed.items():
        values[QUANTITIES[quantity]] = value
    if "heading" in changed or "pitch" in changed:
        values["roll_deg"] = None  # of the pose that was stated
    if correction.heading_deg is not None and "heading" not in correction.left_out:
        values["heading_deg"] = correction.heading_deg % 360
    called = {_STATED_AS.get(quantity, quantity) for quantity in changed}
    said = [each for each in photo.statements if each.quantity not in called]
    said += [
        Told(_STATED_AS.get(quantity, quantity), BY_YOU) for quantity, value in changed.items() if value is not None
    ]
    others = () if "lens" in changed or own is None else own.other_focals_35mm
    pose = PoseValues(**values, other_focals_35mm=others)
    changes = {"pose": None if pose == PoseValues() else pose, "statements": tuple(said)}
    return cast(Read, replace(cast(Any, photo), **changes))
