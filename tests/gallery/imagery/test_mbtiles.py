"""Archives of map tiles: PMTiles become MBTiles, which lie where their tiles lie."""

import json
from pathlib import Path

import mercantile
import pytest
from pmtiles.tile import TileType

from gallery.errors import SourceError
from gallery.geo import LonLat, distance_m
from gallery.imagery.mbtiles import Archive, archive_of_pmtiles
from gallery.imagery.raster import Raster
from gallery.tiles import Window
from tests.helpers.tile_host import make_pmtiles, picture

NOWHERE = Path("nowhere")
CORNER = mercantile.Tile(70000, 45000, 17)


@pytest.fixture
def pmtiles(tmp_path):
    tiles = [mercantile.Tile(CORNER.x + col, CORNER.y + row, 17) for row in range(2) for col in range(3)]
    return make_pmtiles(tmp_path / "area.pmtiles", [*tiles, mercantile.parent(CORNER)])


def test_the_deepest_tiles_of_pmtiles_are_a_raster(pmtiles, tmp_path):
    told = []
    file = archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE, on_tile=lambda done, total: told.append(done))
    assert told == [1, 2, 3, 4, 5, 6] and [path.name for path in (tmp_path / "imagery").iterdir()] == [file.name]
    with Raster(file) as raster:
        assert (raster.width_px, raster.height_px) == (768, 512)
        assert distance_m(raster.lonlat(0, 0), LonLat(*mercantile.ul(CORNER))) < 0.1
        colour = raster.image(Window(300, 440, 32, 32), 32).getpixel((5, 5))
    assert colour == ((CORNER.x + 1) * 37 % 256, (CORNER.y + 1) * 59 % 256, 128)


def test_another_zoom_may_be_named(pmtiles, tmp_path):
    with Raster(archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE, zoom=16)) as raster:
        assert (raster.width_px, raster.height_px) == (256, 256)
    with pytest.raises(SourceError, match="no tiles of zoom 12; it reaches to 17"):
        archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE, zoom=12)


def test_a_conversion_is_kept_until_the_file_changes(pmtiles, tmp_path):
    first = archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE)
    stamp = first.stat().st_mtime_ns
    assert archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE) == first and first.stat().st_mtime_ns == stamp
    make_pmtiles(pmtiles, [CORNER])
    assert archive_of_pmtiles(pmtiles, tmp_path / "imagery", NOWHERE) != first


def test_vector_tiles_and_damaged_files_are_refused(pmtiles, tmp_path):
    with pytest.raises(SourceError, match="vector tiles"):
        archive_of_pmtiles(make_pmtiles(tmp_path / "v.pmtiles", [CORNER], TileType.MVT), tmp_path / "imagery", NOWHERE)
    with pytest.raises(SourceError, match="no pictures"):
        content = make_pmtiles(tmp_path / "j.pmtiles", [CORNER], content=lambda tile: json.dumps({}).encode())
        archive_of_pmtiles(content, tmp_path / "imagery", NOWHERE)
    whole = pmtiles.read_bytes()
    damaged = {"cut": whole[:200], "text": b"no tiles at all", "empty": b"", "old": b"PM\x02" + whole[3:]}
    for name, data in damaged.items():
        file = tmp_path / f"{name}.pmtiles"
        file.write_bytes(data)
        with pytest.raises(SourceError, match=rf"{name}\.pmtiles .*damaged"):
            archive_of_pmtiles(file, tmp_path / "imagery", NOWHERE)


def test_an_archive_knows_what_it_holds(tmp_path):
    with Archive(tmp_path / "a.mbtiles") as archive:
        archive.put(CORNER, picture(CORNER))
        archive.put(mercantile.parent(CORNER), None)
        assert archive.known() == {CORNER, mercantile.parent(CORNER)} and len(archive) == 1
    with Archive(tmp_path / "a.mbtiles") as again:
        assert again.known() == {CORNER, mercantile.parent(CORNER)}


def test_no_tile_is_no_archive(tmp_path):
    with Archive(tmp_path / "a.mbtiles") as archive, pytest.raises(SourceError, match="no tile"):
        archive.describe()
    (tmp_path / "b.mbtiles").write_bytes(b"SQLite format 3\x00" + b"\x01" * 200)
    with pytest.raises(SourceError, match="damaged"):
        Archive(tmp_path / "b.mbtiles")
