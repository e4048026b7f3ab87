"""Galleries with another manifest, and what is found wrong with them."""

import json

from gallery import Gallery
from gallery.store.check import check_gallery
from gallery.store.checksums import sealed
from gallery.store.manifest import MANIFEST


def rewrite(gallery: Gallery, **changes: object) -> None:
    """Change entries of the manifest."""
    file = gallery.folder / MANIFEST
    file.write_text(json.dumps(sealed(json.loads(file.read_text()) | changes)))


def kinds(gallery: Gallery, fingerprint: str | None = None) -> list[str]:
    """Kinds of the problems that `check_gallery` finds, each once."""
    return sorted({problem.kind for problem in check_gallery(Gallery(gallery.folder, gallery.manifest), fingerprint)})
