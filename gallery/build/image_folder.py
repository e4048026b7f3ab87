"""A folder of images whose places are listed, named or stated by the images themselves: each image is one tile."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gallery.build.candidates import Candidate, ReadPhoto, Skipped
from gallery.embedder import Photo
from gallery.errors import UnreadablePhoto
from gallery.geo import area_m2
from gallery.georef.assign import ImagePositions
from gallery.imagery.warp import seen_through
from gallery.photo.laid_tile import LaidTile, laid_tile
from gallery.tiles import Tile

log = logging.getLogger(__name__)

EMBEDDED_PX = 768
"""Longer side of the part of a photo that is embedded, at most: more than any network looks at."""


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

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Image.Image | Photo]:
        """An image as one tile, and the photo or the part of it that lies north up."""
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
        if stated.footprint is not None:
            metres_per_px = math.sqrt(area_m2(stated.footprint) / (photo.width_px * photo.height_px))
            lain = LaidTile(stated.centre, stated.footprint, None, metres_per_px, "stated extent")
        else:
            lain = laid_tile(photo, stated.centre, stated.of_camera, self.assumed_size_m)
        where = lain.centre, lain.footprint, lain.metres_per_px
        tile = Tile(candidate.id, *where, self.noted, image=image, placed=lain.placed, cutout=lain.cutout)
        return tile, photo if lain.cutout is None else seen_through(photo.image, lain.cutout, EMBEDDED_PX)
