"""Sources: plain data that another process loads alike, and candidates in one order."""

import pickle

import numpy as np
import pytest

from gallery import build_gallery
from gallery.build.candidates import Skipped
from gallery.build.raster_source import Tiling
from gallery.build.reembed import GallerySource
from gallery.build.sources import ImagerySettings, open_sources
from tests.helpers.builders import FakeEmbedder, FakePosition

TILING = Tiling((80.0,), 0.5, 64)
POSITIONS = {f"{number}.jpg": FakePosition(8, 46 + number) for number in range(1, 4)}


@pytest.fixture
def sources(make_raster, make_photos, tmp_path, embedder):
    raster = make_raster("maps/a.tif")
    gallery = build_gallery(raster, tmp_path / "g", embedder, tile_size_m=80)
    photos = make_photos(4)
    stated = ImagerySettings(unplaced="skip")
    opened = open_sources(
        [raster, photos], tmp_path / "h", tmp_path / "h.building", TILING, lambda path: POSITIONS.get(path.name), stated
    )
    return [*opened, GallerySource(gallery.folder, len(gallery), "../g", 64)]


def test_a_source_loads_the_same_wherever_it_is_sent(sources):
    read = FakeEmbedder(positions=POSITIONS).read
    for source in sources:
        there = pickle.loads(pickle.dumps(source))
        here = list(source.candidates())
        assert list(there.candidates()) == here and len(here) == source.total == len({each.id for each in here})
        sent = pickle.loads(pickle.dumps(here[-1]))
        (tile, picture), (same_tile, same_picture) = source.load(here[-1], read), there.load(sent, read)
        assert tile == same_tile and tile.id == here[-1].id
        pixels = [np.asarray(getattr(each, "image", each)) for each in (picture, same_picture)]
        assert np.array_equal(*pixels)


def test_a_photo_without_a_place_is_skipped(sources):
    folder = sources[1]
    with pytest.raises(Skipped, match="without a position"):
        folder.load(next(folder.candidates()), FakeEmbedder().read)
