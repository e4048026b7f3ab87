"""Sources: plain data that another process loads alike, candidates in one order, handles that stay few."""

import pickle
import threading

import numpy as np
import pytest

from gallery import build_gallery
from gallery.build.candidates import Skipped
from gallery.build.raster_source import Tiling
from gallery.build.reembed import GallerySource
from gallery.build.sources import ImagerySettings, open_sources
from gallery.errors import SourceError
from gallery.imagery.raster_cache import MOST_OPEN, _kept, open_raster
from tests.helpers.builders import FakeEmbedder, FakePosition, textured

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


def test_few_rasters_stay_open_for_each_thread(make_raster):
    paths = [make_raster(f"{number}.tif", pixels=textured(40, 40, number)) for number in range(MOST_OPEN + 3)]
    first = open_raster(paths[0])
    assert open_raster(paths[0]) is first
    for path in paths:
        open_raster(path)
    assert len(_kept.rasters) == MOST_OPEN and open_raster(paths[0]) is not first
    others = []
    thread = threading.Thread(target=lambda: others.append(open_raster(paths[-1])))
    thread.start()
    thread.join()
    assert others[0] is not open_raster(paths[-1])


def test_a_raster_that_changed_is_opened_anew(make_raster):
    path = make_raster(pixels=textured(40, 40))
    first = open_raster(path)
    make_raster(pixels=textured(50, 60))
    assert open_raster(path) is not first and open_raster(path).width_px == 60
    path.unlink()
    with pytest.raises(SourceError, match="no file"):
        open_raster(path)


def test_samples_of_16_bits_are_stretched_alike_in_every_thread(make_raster):
    path = make_raster(pixels=textured(60, 60).astype(np.uint16) * 40)
    mine, theirs = open_raster(path).stretch, []
    thread = threading.Thread(target=lambda: theirs.append(open_raster(path).stretch))
    thread.start()
    thread.join()
    assert mine is theirs[0] is not None
