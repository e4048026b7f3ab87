"""Health of a gallery: repeated, look-alike and empty tiles, and gaps, against slow and simple ways to find them."""

import json
import time
from types import SimpleNamespace

import geopandas
import numpy as np
import pytest
import shapely
from PIL import Image
from shapely.geometry import Point

from gallery import build_gallery
from gallery.__main__ import main
from gallery.errors import SourceError
from gallery.geo import LonLat, area_m2, overlapping, rectangle
from gallery.report.flags import twins_of
from gallery.report.tiles import Tiles
from gallery.store import health
from tests.helpers.builders import write_raster

SIDE_DEG = 0.001


class RowIndex:
    """Exact search by numpy, as `gallery.index.vector_index.VectorIndex` does it."""

    def __init__(self, vectors):
        self.vectors = vectors

    def search(self, queries, k):
        scores = queries @ self.vectors.T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows


def plain_gallery(boxes, vectors=None, contents=None, **columns):
    """What `gallery.store.health` reads of a gallery, without a folder."""
    count = len(boxes)
    rows = {"id": [f"t{row}" for row in range(count)], "content": contents or list(map(str, range(count))), **columns}
    tiles = geopandas.GeoDataFrame(rows, geometry=shapely.box(*np.asarray(boxes).T), crs="OGC:CRS84")
    vectors = np.eye(count, 8, dtype=np.float32) if vectors is None else vectors

    class Plain(SimpleNamespace):
        def __len__(self):
            return count

    return Plain(tiles=tiles, boxes=np.asarray(boxes, float), vectors=vectors, index=RowIndex(vectors))


def grid(across, down, west=0.0, south=0.0, step=0.5):
    """(N, 4) boxes of SIDE_DEG, the next one begins after a step of that."""
    cols, rows = np.meshgrid(np.arange(across), np.arange(down))
    corner = np.column_stack([west + cols.ravel() * SIDE_DEG * step, south + rows.ravel() * SIDE_DEG * step])
    return np.hstack([corner, corner + SIDE_DEG])


def test_duplicates_are_grouped_by_pixels():
    gallery = plain_gallery(grid(3, 2), contents=list("abacab"))
    assert health.duplicates(gallery) == ((0, 2, 4), (1, 5))
    assert health.duplicates(plain_gallery(grid(2, 2))) == ()


@pytest.mark.parametrize("seed", range(3))
def test_lookalikes_are_those_that_brute_force_finds(seed):
    random = np.random.default_rng(seed)
    boxes = grid(12, 10, west=-0.002)
    directions = random.normal(size=(15, 6))
    vectors = directions[random.integers(0, 15, len(boxes))] + random.normal(scale=0.12, size=(len(boxes), 6))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    gallery = plain_gallery(boxes, vectors)
    ids = gallery.tiles["id"].to_numpy(object)
    twins = twins_of(ids, Tiles(ids, vectors, boxes[:, 0], boxes[:, 1], boxes=boxes))
    wanted = twins[twins["cosine"] >= 0.98]
    found, compared = health.lookalikes(gallery, 0.98)
    assert compared == len(boxes) and 5 < len(found) < len(boxes)
    assert [ids[pair.row] for pair in found] == list(wanted.index)
    assert [ids[pair.twin] for pair in found] == list(wanted["twin"])
    assert np.allclose([pair.cosine for pair in found], wanted["cosine"], atol=1e-6)


def test_a_twin_is_found_behind_more_alike_tiles_of_the_same_place():
    """A hundred tiles over one place come first; the tile far away is still found."""
    near, far = np.tile([[0, 0, SIDE_DEG, SIDE_DEG]], (100, 1)), np.array([[1, 1, 1 + SIDE_DEG, 1 + SIDE_DEG]])
    vectors = np.zeros((101, 2), np.float32)
    vectors[:, 0] = 1
    vectors[100] = [np.cos(0.1), np.sin(0.1)]
    found, _ = health.lookalikes(plain_gallery(np.vstack([near, far]), vectors))
    assert [(pair.row, pair.twin) for pair in found[:-1]] == [(row, 100) for row in range(100)]


def test_the_same_pixels_elsewhere_are_repeated_not_alike():
    vectors = np.ones((2, 1), np.float32)
    boxes = np.vstack([grid(1, 1), grid(1, 1, west=1.0)])
    assert health.lookalikes(plain_gallery(boxes, vectors, contents=["a", "a"]))[0] == ()
    assert len(health.lookalikes(plain_gallery(boxes, vectors, contents=["a", "b"]))[0]) == 2


def test_of_a_large_gallery_some_tiles_are_compared(monkeypatch):
    monkeypatch.setattr(health, "MOST_COSINES", 1000)
    found, compared = health.lookalikes(plain_gallery(grid(10, 10)))
    assert (found, compared) == ((), 10)


def test_boxes_overlap_as_shapes_do():
    random = np.random.default_rng(5)
    corner = random.uniform(0, 3, (60, 2))
    boxes = np.hstack([corner, corner + random.uniform(0.1, 1, (60, 2))])
    shapes = shapely.box(*boxes.T)
    truth = shapely.area(shapely.intersection(shapes[:, None], shapes[None])) > 1e-9
    assert (overlapping(boxes[:, None], boxes[None]) == truth).all()
    assert overlapping(np.array([179.9, 0, 180.1, 1]), np.array([-180.0, 0, -179.8, 1]))


def test_gaps_are_where_no_tile_is():
    boxes = grid(20, 20, step=0.5)
    kept = np.ones((20, 20), bool)
    kept[5:9, 5:9] = kept[13:16, 2:6] = False  # holes of 3 x 3 half sides less the tiles beside, and of 2 x 3
    gallery = plain_gallery(boxes[kept.ravel()])
    covered = health.coverage(gallery)
    gaps = health.gaps_in(covered, gallery)
    random = np.random.default_rng(0)
    points = random.uniform(0, 10.5 * SIDE_DEG, (4000, 2))
    inside = np.array([any(gap.outline.contains(Point(*point)) for gap in gaps) for point in points])
    west, south, east, north = boxes[kept.ravel()].T
    bare = ~((points[:, :1] > west) & (points[:, :1] < east) & (points[:, 1:] > south) & (points[:, 1:] < north)).any(1)
    assert len(gaps) == 2 and inside.any() and (inside == bare).all()
    assert gaps[0].area_m2 > gaps[1].area_m2
    assert gaps[0].area_m2 == pytest.approx(area_m2(gaps[0].outline))


def test_rounding_between_tiles_is_no_gap_and_an_island_in_a_hole_is_ground():
    boxes = grid(3, 3, step=1.0)
    boxes[:, 2:] -= 1e-9
    boxes[[1, 3, 5, 7], :2] -= 2e-9
    gallery = plain_gallery(boxes)
    assert health.gaps_in(health.coverage(gallery), gallery) == ()
    ring = grid(9, 9, step=1.0)
    kept = np.ones((9, 9), bool)
    kept[2:7, 2:7] = False
    kept[4, 4] = True
    gallery = plain_gallery(ring[kept.ravel()])
    [gap] = health.gaps_in(health.coverage(gallery), gallery)
    assert gap.area_m2 == pytest.approx(24 / 25 * area_m2(shapely.box(0.002, 0.002, 0.007, 0.007)), rel=1e-4)


def test_a_gallery_across_the_antimeridian_is_one_area():
    west, east = grid(4, 4, west=179.9985, step=0.5), grid(4, 4, west=-179.9995, step=0.5)
    covered = health.coverage(plain_gallery(np.vstack([west, east])))
    assert covered.geom_type == "Polygon" and covered.bounds[2] > 180


@pytest.mark.slow
def test_a_hundred_thousand_tiles_take_seconds():
    gallery = plain_gallery(grid(316, 316, west=8, south=47))
    begun = time.monotonic()
    assert health.gaps_in(health.coverage(gallery), gallery) == ()
    assert time.monotonic() - begun < 30  # 2 s on a quiet machine


@pytest.fixture
def region(tmp_path, embedder):
    """Two pieces of ground with the same pixels, a kilometre apart, nine tiles each."""
    pixels = np.random.default_rng(3).integers(0, 255, (3, 300, 300), np.uint8)
    rasters = [
        write_raster(tmp_path / f"{name}.tif", "EPSG:32632", (east_m, 5_200_000.0), 1.0, pixels)
        for name, east_m in (("one", 500_000.0), ("two", 501_000.0))
    ]
    return build_gallery(rasters, tmp_path / "gallery", embedder, tile_size_m=100, overlap=0)


def test_all_of_it_for_a_built_gallery(region):
    found = health.examine(region)
    assert {finding.kind: finding.count for finding in found.findings} == {
        "duplicate": 18,
        "lookalike": 0,
        "blank": 0,
        "gap": 0,
    }
    assert found.parts == 2 and found.area_m2 == pytest.approx(180_000, rel=2e-3)
    assert found.duplicates == tuple((row, row + 9) for row in range(9))
    told = json.loads(json.dumps(found.to_dict(region), allow_nan=False))
    assert told["duplicates"][0] == [region.tiles["id"][0], region.tiles["id"][9]]


def test_detail_is_what_the_table_says():
    stated = [5.0, 1.0, np.nan, 2.9]
    assert health.without_detail(plain_gallery(grid(4, 1), detail=stated)) == ((1, 3), 3)


def test_detail_is_read_of_a_sample_where_the_table_does_not_say(monkeypatch):
    def picture(row, max_px):
        if row == 2:
            raise SourceError("gone")
        high = 90 + (2 if row % 4 == 0 else 60)
        return Image.fromarray(np.tile(np.array([90, high], np.uint8), (8, 4)))

    gallery = plain_gallery(grid(9, 1))
    gallery.tile, gallery.image = int, picture
    assert health.without_detail(gallery) == ((0, 4, 8), 8)
    assert health.detail_of(picture(1, 8)) == pytest.approx(30)
    monkeypatch.setattr(health, "MOST_PICTURES", 3)
    assert health.without_detail(gallery) == ((0, 4, 8), 3)


def test_sentences_tell_how_much_was_looked_at():
    nothing = health.Health(1000, 0.0, 0, (), (), 1000, (), 200, ())
    assert [finding.sentence for finding in nothing.findings] == [
        "No tile repeats another one.",
        "No tile could be taken for one of another place.",
        "No tile lacks detail. 200 of 1,000 tiles were looked at, evenly spread.",
        "No gaps in the area.",
    ]
    outline = rectangle(LonLat(8, 47), 200, 300)
    much = health.Health(9, 0.0, 1, ((1, 2),), (), 9, (4,), 9, (health.Gap(outline, 60_000.0),))
    told = {finding.kind: finding.sentence for finding in much.findings}
    assert told["duplicate"] == "2 tiles with the same pixels as another one."
    assert told["blank"] == "1 tile with hardly any detail." and told["gap"] == "1 gap in the area, 0.06 km² in all."


def test_the_command_line_tells_it(region, capsys):
    assert main(["info", str(region.folder), "--health", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["health"]["tiles"] == 18 and len(told["health"]["findings"]) == 4
    assert main(["info", str(region.folder), "--health"]) == 0
    assert "18 tiles with the same pixels" in capsys.readouterr().out
