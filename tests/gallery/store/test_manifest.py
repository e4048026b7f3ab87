"""The manifest: damaged, of another format, or with any entry wrong."""

import json

import pytest

from gallery import Gallery
from gallery.errors import DamagedGallery, GalleryError
from gallery.store.check import check_gallery
from gallery.store.checksums import SEAL, sealed
from gallery.store.manifest import MANIFEST


def paths_of(value, path=()):
    """Every place in a nested dict."""
    for key, inner in value.items():
        yield (*path, key)
        if isinstance(inner, dict):
            yield from paths_of(inner, (*path, key))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "files": {}, "model": {}}', "\0\xff"])
def test_a_damaged_manifest(gallery, text):
    (gallery.folder / MANIFEST).write_text(text)
    with pytest.raises(DamagedGallery):
        Gallery.open(gallery.folder)


@pytest.mark.parametrize("value", [None, -1, "x", [], {}, 1e300, True])
def test_any_entry_of_the_manifest_may_be_wrong(gallery, value):
    original = json.dumps(gallery.manifest)
    for path in paths_of(gallery.manifest):
        manifest = json.loads(original)
        inner = manifest
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        (gallery.folder / MANIFEST).write_text(json.dumps(sealed(manifest)))
        try:
            opened = Gallery.open(gallery.folder)
        except GalleryError:
            continue
        free = path[0] in ("build", "skipped", "imagery", SEAL) or path in (
            ("model", "name"),
            ("model", "precision"),
            ("model", "source"),
            ("model", "fingerprint"),
        )
        assert free or check_gallery(opened), path
