"""What a photo states of its camera may be wrong: what is left out when nothing was found, and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from gallery.embedder import Photo
from gallery.photo.belief import Belief, beliefs_of
from gallery.search.options import SearchOptions

DOUBTED = ("heading", "height")
"""What is left out, one after the other: compasses are turned round, and heights count from the take-off."""

TURNED_FROM_DEG = 150.0
"""Degrees from which on a heading points the other way."""

OFF_FROM_DEG = 20.0
"""Degrees by which a heading must be wrong to be told: compasses are off by ten."""

AS_STATED = (0.8, 1.25)
"""Factors between which the ground shown is as height and lens state it: heights count from the take-off."""


@dataclass(frozen=True)
class PoseReport:
    """What was believed of a photo's camera, and what came of it.

    Attributes:
        believed: heading, pitch, height and lens, as far as they are stated or set.
        tried_without: those that were left out to look again, because nothing was found.
        found_without: that which had to be left out for the place to be found; empty: none.
    """

    believed: tuple[Belief, ...]
    tried_without: tuple[str, ...] = ()
    found_without: str = ""

    @property
    def sentence(self) -> str:
        """What was believed, and what was tried without success."""
        told = f"Believed of the camera: {'; '.join(each.words for each in self.believed)}."
        if not self.tried_without:
            return told
        return f"{told} Without its {', nor without its '.join(self.tried_without)}, no place was found either."

    def to_dict(self) -> dict[str, object]:
        """The same for the command line and the web API."""
        believed = [
            {"quantity": each.quantity, "value": each.value, "from": each.source or None} for each in self.believed
        ]
        tried = list(self.tried_without)
        return {"believed": believed, "tried_without": tried, "found_without": self.found_without or None}


def believed_of(photo: Photo, options: SearchOptions) -> tuple[Belief, ...]:
    """What a search believes of a photo's camera."""
    return beliefs_of(photo) if options.north_up else ()


def doubts_of(believed: Sequence[Belief], options: SearchOptions) -> list[str]:
    """What is left out in turn where nothing was found; nothing that was set by hand, and only with the check."""
    stated = {each.quantity for each in believed if not each.by_you}
    return [quantity for quantity in DOUBTED if options.doubt and options.verify and quantity in stated]


def disagreements(believed: Sequence[Belief], heading_deg: float, height_per_mm: float | None = None) -> list[str]:
    """What of a camera's pose is not as it was believed, a sentence each.

    Args:
        heading_deg: as it was found.
        height_per_mm: height in metres over focal length in millimetres, as found; None: not known.
    """
    by_name = {each.quantity: each for each in believed}
    told = []
    heading = by_name.get("heading")
    if heading is not None:
        off = abs((heading_deg - heading.value + 180) % 360 - 180)
        how = "turned by 180 degrees" if off >= TURNED_FROM_DEG else f"turned by {off:.0f} degrees"
        if off >= OFF_FROM_DEG:
            told.append(f"The photo is {how} against what {_who(heading)} ({heading.words}).")
    height, lens = by_name.get("height"), by_name.get("lens")
    if height_per_mm is not None and height is not None and lens is not None and min(height.value, lens.value) > 0:
        growth = height_per_mm / height.value * lens.value
        least, most = AS_STATED
        if not least < growth < most:
            told.append(
                f"The photo shows {growth:.2g} times as much ground as its height and lens say ({height.words}; "
                f"{lens.words})."
            )
    return told


def _who(belief: Belief) -> str:
    return "you set" if belief.by_you else "the file states"
