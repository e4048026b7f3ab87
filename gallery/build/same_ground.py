"""Ground that a gallery shows already: tiles of two sources for one place are each other's rivals in every search."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import shapely

from gallery.areas import Polygons, tiles_in
from gallery.imagery.mosaic import look_at
from gallery.imagery.raster_io import is_mosaic, members_of, states_its_place
from gallery.store.gallery import Gallery

REMARKABLE = 0.2
"""Share of a raster's ground from which on it counts as known; sheets that overlap their neighbours share less."""


@dataclass(frozen=True)
class SameGround:
    """A raster whose ground a gallery shows already."""

    source: str  # name of the raster
    share: float  # of its ground, in (0, 1]
    known_by: str  # name of a source of the gallery that shows it


def share_known(gallery: Gallery, sources: Sequence[Path], crs: str | None = None) -> SameGround | None:
    """The first raster whose ground a gallery shows from another source; None where all is new.

    What the gallery was built of itself does not count: its windows are left out by `--add` anyway. Folders of images
    are not looked at.

    Args: crs: of rasters that state none.

    Raises:
        SourceError, NotGeoreferenced: a raster cannot be read.
    """
    own = {file for source in gallery.sources for file in _files(gallery.folder / source)}
    for source in sources:
        if source.resolve() in own or not (source.is_file() and states_its_place(source)):
            continue
        outline = look_at(source, crs).outline
        rows = tiles_in(gallery.boxes, Polygons(outline)).nonzero()[0]
        if not len(rows):
            continue
        shown = shapely.union_all(gallery.table.footprints()[rows])
        share = float(shown.intersection(outline).area / outline.area)
        if share >= REMARKABLE:
            return SameGround(source.name, share, Path(gallery.tile(int(rows[0])).source).name)
    return None


def _files(source: Path) -> list[Path]:
    """A source as files, resolved; the rasters of a mosaic."""
    if is_mosaic(source) and source.is_file():
        return [file.resolve() for file, _ in members_of(source)]
    return [source.resolve()]
