"""How a photo is searched. Cheap to import: the command line says these choices in its help."""

from dataclasses import dataclass

from gallery.errors import GalleryError
from gallery.photo.correction import NOTHING_SET, PoseCorrection

ROTATIONS = (1, 4, 16)
"""Turns of a photo with unknown heading that can be asked for."""


@dataclass(frozen=True)
class SearchOptions:
    """How a photo is searched.

    Attributes:
        rotations: how a photo with unknown heading is turned: 1 takes its upper side for north, 4 the best of its
            quarter turns, 16 also guesses pitch and height, as far as the photo does not state them (if the network
            knows views from above; else 16 is 4).
        north_up: use the camera's pose as the photo states it, and search once: brought to the ground plane by
            heading, pitch, height and focal length (if the network has learnt that), or turned so that north is up
            by the heading alone. False ignores the pose (a wrong one leads astray).
        verify: lay the photo on the ground around the best tiles by local features (`gallery.judge.geometry`). A
            place that fits is the answer, and its tile comes first; else the order stays as it is.
        use_exif_position: take the position in the photo's own EXIF as a weak prior over the gallery's ground.
        doubt: look again without what a photo states of its camera, where nothing is found with it.
        correction: what somebody set of the photo's pose, in place of what its file states.

    Raises:
        GalleryError: rotations are out of range.
    """

    rotations: int = 16
    north_up: bool = True
    verify: bool = True
    use_exif_position: bool = False
    doubt: bool = True
    correction: PoseCorrection = NOTHING_SET

    def __post_init__(self) -> None:
        if self.rotations not in ROTATIONS:
            raise GalleryError(f"rotations is {self.rotations}, but 1, 4 or 16 are possible.")


def require_k(k: int) -> None:
    """Refuse a number of tiles below one.

    Raises:
        GalleryError: it is.
    """
    if k < 1:
        raise GalleryError(f"k is {k}, but at least 1 tile must be asked for.")


DEFAULTS = SearchOptions()
