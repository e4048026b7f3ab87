"""Open rasters: few for each thread, anew when a file has changed, stretched alike everywhere."""

import threading

import numpy as np
import pytest

from gallery.errors import SourceError
from gallery.imagery.raster_cache import MOST_OPEN, _kept, open_raster
from tests.helpers.builders import textured


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
