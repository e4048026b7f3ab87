"""The tiles of a report: beside it, or in its gallery."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gallery.constants import SAMPLE
from gallery.errors import GalleryError
from gallery.report.report import QueryRow, read_report, write_report
from gallery.report.tiles import read_tiles, tiles_file, write_tiles
from gallery.store.gallery import Gallery
from tests.helpers.report_files import made_report, made_tiles


def test_tiles_beside_the_report(tmp_path):
    file = made_report(tmp_path / "r.parquet", 3)
    tiles, made = read_tiles(read_report(file)), made_tiles()
    assert tiles.vectors.dtype == np.float16
    for name in ("ids", "vectors", "lons", "lats", "places"):
        np.testing.assert_array_equal(getattr(tiles, name), getattr(made, name))
    assert tiles.rows["t000_001"] == 1


def test_tiles_without_places_or_positions(tmp_path):
    file = made_report(tmp_path / "r.parquet", 3)
    write_tiles(file, replace(made_tiles(), places=None, lons=np.full(144, np.nan)))
    tiles = read_tiles(read_report(file))
    assert tiles.places is None and np.isnan(tiles.lons).all()


def test_tiles_of_the_gallery_count_when_the_report_is_of_it(tmp_path):
    gallery = Gallery.open(SAMPLE)
    row = QueryRow("q", "q.jpg", [gallery.tiles["id"][5]], [0.5])
    for name, fingerprint, rows in (
        ("same", gallery.fingerprint, [row]),
        ("other weights", "0" * 16, [row]),
        ("other tiles", gallery.fingerprint, [replace(row, tile_ids=["elsewhere"])]),
    ):
        write_report(tmp_path / f"{name}.parquet", rows, {"fingerprint": fingerprint})
    assert read_tiles(read_report(tmp_path / "same.parquet")) is None
    tiles = read_tiles(read_report(tmp_path / "same.parquet"), gallery)
    assert len(tiles.ids) == len(gallery) and tiles.boxes.shape == (len(gallery), 4)
    assert read_tiles(read_report(tmp_path / "other weights.parquet"), gallery) is None
    assert read_tiles(read_report(tmp_path / "other tiles.parquet"), gallery) is None


def test_foreign_tiles_are_a_sentence(tmp_path):
    file = made_report(tmp_path / "r.parquet", 3)
    pd.DataFrame({"a": [1]}).to_parquet(tiles_file(file))
    with pytest.raises(GalleryError, match="no tiles of a report"):
        read_tiles(read_report(file))
    tiles_file(file).write_text("text")
    with pytest.raises(GalleryError, match="no readable Parquet"):
        read_tiles(read_report(file))
