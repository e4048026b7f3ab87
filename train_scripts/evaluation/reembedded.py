"""The tiles of a gallery for a model that did not build it: embedded again, beside the gallery and not in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from gallery import Gallery
from gallery.build.pipeline import Progress
from gallery.build.reembed import embed_again
from train_scripts.arguments import names_for_files

if TYPE_CHECKING:
    from mean_model.embedder import Embedder


def same_tiles(
    gallery: Gallery, embedder: Embedder, folder: Path | None, source: str = "", *, progress: bool = True
) -> Gallery:
    """A gallery of the same tiles, row by row, that the model can search.

    Args:
        folder: holds such galleries, one for each model; one that is there already is used. None: the gallery itself,
            which refuses other models than its own.
        source: that the model was loaded by; noted, so that the new gallery finds its model.
        progress: draw a bar on stderr.

    Raises:
        GalleryError: the imagery is gone, or the folder cannot be written.
    """
    if folder is None or gallery.fingerprint == embedder.fingerprint:
        return gallery
    [name] = names_for_files([f"{gallery.folder.name}-{embedder.name}"])
    title = f"tiles by {embedder.name}"
    with tqdm(total=len(gallery), unit="tile", desc=title, file=sys.stderr, disable=not progress) as bar:

        def advance(step: Progress) -> None:
            bar.update(step.done - bar.n)

        return embed_again(gallery, folder / f"{name}-{embedder.fingerprint}", embedder, advance, model_source=source)
