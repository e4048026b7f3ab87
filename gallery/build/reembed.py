"""The tiles of a gallery embedded again by another model: the same rows, in a gallery of their own."""

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from gallery.build.candidates import Candidate, ReadPhoto
from gallery.build.image_folder import EMBEDDED_PX
from gallery.build.options import BuildOptions
from gallery.build.pipeline import Progress, build_from
from gallery.embedder import Embedder, Photo
from gallery.errors import GalleryError
from gallery.imagery.raster_cache import next_tile
from gallery.imagery.warp import seen_through
from gallery.paths import noted_path
from gallery.store.gallery import Gallery, image_file
from gallery.store.manifest import MANIFEST, TILES
from gallery.tiles import Tile

TILES_OF = "tiles_of"
"""Under `build` of gallery.json: the checksum of the tiles that were embedded again."""


def embed_again(
    gallery: Gallery,
    out: str | Path,
    embedder: Embedder,
    progress: Callable[[Progress], None] | None = None,
    *,
    model_source: str = "",
) -> Gallery:
    """Embed the tiles of a gallery by another model, into another folder. Stopped at any moment, the same call goes on.

    The tiles are those of the gallery, not what its sources would yield today, so that row i shows the same ground in
    both. Nothing is written into the gallery's own folder.

    Args:
        out: the new gallery's folder. One that holds these tiles by this model already is opened as it is.
        progress: as for `gallery.build.pipeline.build_gallery`.
        model_source: what the command line loads the embedder by.

    Raises:
        GalleryError: the imagery of a tile is gone or cannot be read.
        BuildError: another build writes to `out`, or it cannot be written.
    """
    home = Path(out).resolve()
    stated = gallery.manifest["files"][TILES]["sha256"]
    known = _opened(home)
    if known and (known.fingerprint, known.manifest["build"].get(TILES_OF)) == (embedder.fingerprint, stated):
        return known
    settings = {
        **gallery.manifest["build"],
        "sources": [noted_path(gallery.folder, home)],
        "positions": None,
        TILES_OF: stated,
    }
    source = GallerySource(
        gallery.folder, len(gallery), noted_path(gallery.folder, home), embedder.image_size, settings.get("crs")
    )
    files = [gallery.folder / TILES]
    options = BuildOptions(keep_featureless=True, model_source=model_source)  # every tile stays
    return build_from(lambda workplace: [source], home, embedder, settings, files, progress, options)


def _opened(home: Path) -> Gallery | None:
    """The gallery in a folder; None where there is none, or a damaged one."""
    try:
        return Gallery.open(home) if (home / MANIFEST).is_file() else None
    except GalleryError:
        return None


@dataclass(frozen=True)
class GallerySource:
    """The tiles of another gallery as a `Source`, in the order of their rows."""

    path: Path
    total: int
    noted: str  # the other gallery's folder as this one names it
    tile_px: int  # longer side of the picture that is embedded
    crs: str | None = None  # of rasters that state none

    def candidates(self) -> Iterator[Candidate]:
        """The tiles as the gallery has them."""
        gallery = Gallery.open(self.path)
        for row in range(self.total):
            tile = gallery.tile(row)
            yield Candidate(tile.id, tile=tile)

    def load(self, candidate: Candidate, read_photo: ReadPhoto) -> tuple[Tile, Image.Image | Photo]:
        """The tile with its source as this gallery names it, and the picture as a build gives it to the embedder."""
        tile = candidate.tile
        if tile is None:
            raise ValueError(f"Candidate {candidate.id} is of no gallery.")
        picture: Image.Image | Photo
        if tile.window is None:
            picture = read_photo(image_file(self.path, tile))
            if tile.cutout is not None:
                picture = seen_through(picture.image, tile.cutout, EMBEDDED_PX)
        else:
            picture = next_tile(self.path / tile.source, tile.window, self.tile_px, tile.cutout, self.crs)
        return replace(tile, source=posixpath.normpath(posixpath.join(self.noted, tile.source))), picture
