"""The tiles of a gallery embedded again by another model: the same rows, in a gallery of their own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from gallery.build import Embedder, Progress, build_from, read_photo, tile_px
from gallery.errors import GalleryError
from gallery.sources import Candidate, Source, noted_path
from gallery.store import MANIFEST, TILES, Gallery
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
        progress, model_source: as for `gallery.build.build_gallery`.

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
    source = Source(gallery.folder, len(gallery), lambda: _candidates(gallery, home, embedder))
    files = [gallery.folder / TILES]
    return build_from(lambda: [source], home, embedder, settings, files, progress, model_source=model_source)


def _opened(home: Path) -> Gallery | None:
    """The gallery in a folder; None where there is none, or a damaged one."""
    try:
        return Gallery.open(home) if (home / MANIFEST).is_file() else None
    except GalleryError:
        return None


def _candidates(gallery: Gallery, home: Path, embedder: Embedder) -> Iterator[Candidate]:
    """The tiles in the order of their rows, pictures as a build gives them to the embedder."""

    def load(tile: Tile) -> tuple[Tile, Any]:
        if tile.window is None:
            picture = read_photo(embedder, gallery.image_file(tile))
        else:
            picture = gallery.image(tile, tile_px(embedder))
        return replace(tile, source=noted_path(gallery.folder / tile.source, home)), picture

    for row in range(len(gallery)):
        tile = gallery.tile(row)
        yield Candidate(tile.id, partial(load, tile))
