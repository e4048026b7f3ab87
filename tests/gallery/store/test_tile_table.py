"""The table of tiles: what is written is read, row by row, column by column, and by other tools; format 1 as well."""

from pathlib import Path

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gallery import Gallery
from gallery.constants import SAMPLE
from gallery.errors import DamagedGallery
from gallery.geo import LonLat
from gallery.store.check import check_gallery
from gallery.store.manifest import TILES
from gallery.store.tile_table import GROUP_ROWS, LATER, TableWriter, TileTable, rows_of
from gallery.tiles import Tile, Window
from tests.helpers.old_gallery import as_format_1


def tiles(count: int, first: int = 0) -> list[Tile]:
    """Tiles of a raster and of a folder by turns, some across the antimeridian."""
    return [
        Tile(
            f"area/{number}",
            LonLat(179.9 - number / 1e5, number / 1e5),
            box(179.8 - number / 1e5, number / 1e5 - 0.1, 180.1 - number / 1e5, number / 1e5 + 0.1),
            0.5,
            "../a.tif" if number % 2 else "photos",
            Window(number, 2, 30, 40) if number % 2 else None,
            None if number % 2 else f"{number}.jpg",
            scale_m=80.0 if number % 2 else None,
        )
        for number in range(first, first + count)
    ]


def write(file: Path, *parts: list[Tile]) -> list[Tile]:
    with TableWriter(file) as writer:
        for part in parts:
            writer.add(rows_of(part, [tile.id[::-1] for tile in part], [float(at) for at in range(len(part))]))
    return [tile for part in parts for tile in part]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / TILES
    return file, write(file, tiles(700), tiles(2000, 700), tiles(1, 2700))


def test_rows_and_columns_come_back(written):
    file, expected = written
    table = TileTable(file, len(expected))
    for row in (0, 1, GROUP_ROWS - 1, GROUP_ROWS, 2700, -1):
        assert table.tile(row) == expected[row]
    with pytest.raises(IndexError):
        table.tile(2701)
    assert table.row("area/1500") == 1500 and table.row("area") == -1
    assert table.boxes() == pytest.approx(np.array([tile.footprint.bounds for tile in expected]))
    assert table.numbers("lon") == pytest.approx([tile.centre.lon for tile in expected])
    assert np.isnan(table.numbers("scale_m")[0]) and table.numbers("scale_m")[1] == 80
    parts = list(table.batches("id", "col_px"))
    assert pa.concat_tables(parts)["id"].to_pylist() == [tile.id for tile in expected]


def test_it_is_geoparquet_for_others(written):
    file, expected = written
    frame = geopandas.read_parquet(file)
    assert frame.crs.to_string() == "OGC:CRS84" and len(frame) == len(expected)
    assert frame.geometry.iloc[5].equals(expected[5].footprint)
    inside = geopandas.read_parquet(file, bbox=(179.79, 0.0, 179.7901, 0.01))
    assert 0 < len(inside) < len(expected)
    assert pq.read_metadata(file).num_row_groups == 3


@pytest.mark.slow
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(1, 1500), max_size=4))
def test_the_file_is_the_same_however_the_rows_come(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("cuts")
    everything = tiles(2500)
    ends = np.clip(np.cumsum([0, *cuts]), 0, 2500).tolist()
    parts = [everything[start:end] for start, end in zip(ends, [*ends[1:], 2500], strict=True) if start < end]
    for name, given_parts in (("one", [everything]), ("many", parts)):
        with TableWriter(folder / name) as writer:
            for part in given_parts:
                writer.add(rows_of(part, [tile.id for tile in part]))
    assert (folder / "one").read_bytes() == (folder / "many").read_bytes()


def test_a_table_without_the_later_columns_is_read(written, tmp_path):
    file, expected = written
    old = geopandas.read_parquet(file).drop(columns=[name for name in LATER if name != "bbox"])
    old.to_parquet(tmp_path / TILES, index=False)
    table = TileTable(tmp_path / TILES, len(expected))
    assert table.tile(7).footprint == expected[7].footprint and table.tile(7).scale_m is None
    assert table.boxes() == pytest.approx(TileTable(file, len(expected)).boxes())
    assert np.isnan(table.numbers("detail")).all()
    assert pa.concat_tables(list(table.batches())).num_rows == len(expected)


def test_a_gallery_of_format_1_opens(tmp_path):
    gallery, shipped = Gallery.open(as_format_1(SAMPLE, tmp_path / "old")), Gallery.open(SAMPLE)
    assert (gallery.manifest["format"], shipped.manifest["format"]) == (1, 2)
    assert len(gallery.tiles) == len(gallery) == len(gallery.boxes) == len(shipped)
    assert gallery.row(gallery.tile(11).id) == 11 and check_gallery(gallery) == []
    assert gallery.tile(11).footprint == shipped.tile(11).footprint and np.array_equal(gallery.vectors, shipped.vectors)


def test_an_open_table_outlives_its_file(written, tmp_path):
    file, expected = written
    copy = tmp_path / TILES
    copy.write_bytes(file.read_bytes())
    table = TileTable(copy, len(expected))
    write(tmp_path / "other", tiles(10))
    (tmp_path / "other").replace(copy)
    assert table.tile(2000) == expected[2000] and len(table.boxes()) == len(expected)


def test_damage_is_named(written, tmp_path):
    file, expected = written
    with pytest.raises(DamagedGallery, match="rows or columns"):
        TileTable(file, len(expected) + 1)
    content = bytearray(file.read_bytes())
    content[100:20000] = bytes(19900)
    (tmp_path / TILES).write_bytes(content)
    table = TileTable(tmp_path / TILES, len(expected))
    for read in (lambda: table.tile(0), lambda: table.read("id"), lambda: list(table.batches())):
        with pytest.raises(DamagedGallery, match="damaged"):
            read()
