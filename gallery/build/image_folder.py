"""A folder of images whose places are listed, named or stated by the images themselves: each image is one tile."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gallery.build.candidates import Candidate, ReadPhoto, Skipped
from gallery.embedder import Photo
from gallery.errors import UnreadablePhoto
from gallery.geo import area_m2
from gallery.georef.assign import ImagePositions
from gallery.photo.pose import footprint_of_photo
from gallery.tiles import Tile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFolder:
    """Images below a folder as a `Source`."""

    path: Path
    images: tuple[str, ...]  # below the folder, with forward slashes
    prefix: str  # of tile ids; may be empty
    noted: str  # the folder as the gallery names it
    assumed_size_m: float  # side of the square that is assumed for an image of unknown extent
    placing: ImagePositions

    @property
    def total(self) -> int:
        """How many images there are."""
        return len(self.images)

    def candidates(self) -> Iterator[Candidate]:
        """The images in their order."""
        for image in self.images:
            tile_id = f"{self.prefix}/{image}" if self.prefix else image
            position = self.placing.positions.get(image)
            yield Candidate(tile_id, image=image, position=position, scale_m=self.assumed_size_m)

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Photo]:
        """A whole image as one tile, and the photo."""
        image, stated = str(candidate.image), candidate.position
        if not image.isprintable():
            raise Skipped("file name with characters that cannot be written")
        if image in self.placing.left_out:
            raise Skipped(self.placing.left_out[image])
        path = self.path / image
        try:
            photo = read_photo(path)
        except UnreadablePhoto as error:
            log.warning("Left out %s: %s", path.name, error)
            raise Skipped("unreadable") from error
        if stated is None:  # it could not be read when positions were settled
            raise Skipped("unreadable")
        width_px, height_px = photo.width_px, photo.height_px
        if stated.footprint is not None:
            footprint, placed = stated.footprint, "stated extent"
        else:
            pose = None if photo.position is None else photo.pose  # a height without a fix is of another ground
            footprint, placed = footprint_of_photo(stated.centre, width_px, height_px, pose, self.assumed_size_m)
        metres_per_px = math.sqrt(area_m2(footprint) / (width_px * height_px))
        tile = Tile(candidate.id, stated.centre, footprint, metres_per_px, self.noted, image=image, placed=placed)
        return tile, photo
