"""Cases of real photos, on made-up ones in their layout: what is asked, what is searched, and where."""

import csv
import json
import math

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from gallery import Gallery, GalleryError
from gallery.geo import LonLat, distance_m, moved, rectangle
from mean_model import PhotoError, load_photo
from tests.helpers.builders import FakeEmbedder, textured
from train_scripts import cases
from train_scripts.cases import MANIFEST
from train_scripts.data.simulator.camera_files import Shot, camera_metadata
from train_scripts.data.simulator.flat_ground import FOV_DEG
from train_scripts.data.world.rasterise import Appearance
from train_scripts.evaluation.queries import read_queries

HOME = LonLat(15.0, -6.0)
SIDE_M, SIDE_PX = 80.0, 320


class Reading(FakeEmbedder):
    """The fake embedder, reading positions as the real one does."""

    photo_errors = (PhotoError,)

    def read(self, source, least_px=0):
        return load_photo(source, 64)


def write_cells(folder, count=6, seed=0):
    (folder / "cells").mkdir(parents=True)
    rows = []
    for number in range(count):
        pixels = np.moveaxis(textured(SIDE_PX, SIDE_PX, seed + number), 0, -1)
        name = f"cells/{number}.jpg"
        Image.fromarray(pixels).resize((SIDE_PX // 4,) * 2).resize((SIDE_PX,) * 2).save(folder / name, quality=95)
        west, south, east, north = rectangle(moved(HOME, number * SIDE_M, 0), SIDE_M, SIDE_M).bounds
        rows.append((name, "aerial", "", "", north, west, south, east))
    with (folder / MANIFEST).open("w", newline="") as table:
        csv.writer(table).writerows([("file", "role", "lat", "lon", "lat_n", "lon_w", "lat_s", "lon_e"), *rows])
    return folder


def write_flight(folder, count=9):
    """Photos of a strip, 20 m apart, each 80 m wide: neighbours overlap."""
    folder.mkdir()
    strip = np.moveaxis(textured(80, 80 + 20 * count, 5), 0, -1)
    for number in range(count):
        at = moved(HOME, 20.0 * number, 0)
        shot = Shot(0, 0, 60, 0, -90, 0, Appearance(), 0, 0)
        exif, xmp = camera_metadata(at.lon, at.lat, 60, shot, FOV_DEG, 1.0)
        picture = Image.fromarray(strip[:, 20 * number : 20 * number + 80]).resize((160, 160))
        picture.save(folder / f"{number:02d}.jpg", quality=95, exif=exif, xmp=xmp)


def test_cells_that_are_only_searched_are_not_asked(tmp_path):
    folder = write_cells(tmp_path / "c")
    gallery = cases.cells(folder, tmp_path / "out", Reading(), ["0", "1", "2", "3"], 5)
    queries = read_queries(tmp_path / "out" / "photos")
    covering = gallery.covering([query.truth for query in queries])
    assert (len(gallery), len(queries)) == (6, 5)
    assert {gallery.tile(int(rows[0])).image for rows in covering} == {"cells/4.jpg", "cells/5.jpg"}
    with pytest.raises(GalleryError, match="No cell is left"):
        cases.cells(folder, tmp_path / "out", Reading(), [""], 5)


def test_the_airfield_lies_among_the_others(tmp_path):
    for folder, names in (("satellite", cases.RELIABLE), ("drone", cases.RELIABLE), ("other", range(20))):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(names):
            picture = np.moveaxis(textured(64, 64, number + 100 * (folder == "other")), 0, -1)
            Image.fromarray(picture).save(tmp_path / folder / f"{name}.jpg")
    gallery = cases.airfield(tmp_path, tmp_path / "out", Reading(), tmp_path / "other", 18)
    queries = read_queries(tmp_path / "out" / "photos")
    covering = gallery.covering([query.truth for query in queries])
    assert (len(gallery), len(queries), {len(rows) for rows in covering}) == (25, 7, {1})
    for query, [row] in zip(queries, covering, strict=True):
        own = np.asarray(gallery.image(gallery.tile(int(row))), int)
        assert np.abs(own - np.asarray(Image.open(query.file), int)).mean() < 8
    with pytest.raises(GalleryError, match="holds 20 pictures, not 21"):
        cases.airfield(tmp_path, tmp_path / "out", Reading(), tmp_path / "other", 21)


def test_made_up_places_lie_apart():
    places = [cases.made_up_place(number) for number in (0, 1, 63, 64, 1206)]
    assert min(distance_m(a, b) for i, a in enumerate(places) for b in places[:i]) > 299
    assert places[0] == LonLat(0, 0)


def test_a_flight_is_halved(tmp_path):
    write_flight(tmp_path / "f")
    gallery = cases.flight(tmp_path / "f", tmp_path / "out", Reading())
    queries = read_queries(tmp_path / "out" / "photos")
    assert (len(gallery), [query.file.stem for query in queries]) == (5, ["01", "03", "05", "07"])
    assert all(len(rows) == 0 for rows in gallery.covering([query.truth for query in queries]))  # 20 m away
    write_flight(tmp_path / "short", 3)
    with pytest.raises(GalleryError, match="3 photos with a position"):
        cases.flight(tmp_path / "short", tmp_path / "out", Reading())


def test_the_command(tmp_path, capsys, refused):
    write_flight(tmp_path / "f")
    cases.main(["flight", str(tmp_path / "f"), "--out", str(tmp_path / "out")])
    assert "4 photos, 5 tiles" in capsys.readouterr().out
    assert len(Gallery.open(tmp_path / "out" / "gallery")) == 5
    with (tmp_path / "out" / "tiles" / "truth.csv").open() as table:
        assert [row["file"] for row in csv.DictReader(table)] == ["00.jpg", "02.jpg", "04.jpg", "06.jpg", "08.jpg"]
    assert "belongs to airfield" in refused(cases.main, "airfield", tmp_path / "f", "--out", tmp_path / "out")


def write_pair(folder, name, seed, m_per_px):
    """A place at two dates: the same picture, brighter."""
    pixels = np.moveaxis(textured(600, 600, seed), 0, -1)
    folder.mkdir(exist_ok=True)
    for role, made in (("A", pixels), ("B", np.clip(pixels * 1.2, 0, 255).astype(np.uint8))):
        Image.fromarray(made).save(folder / f"{name}_{role}.jpg", quality=95)
    return [{"file": f"{name}_{role}.jpg", "role": role, "pair": name, "m_per_px": m_per_px} for role in "AB"]


def write_manifest(folder, rows):
    with (folder / MANIFEST).open("w", newline="") as table:
        written = csv.DictWriter(table, list(rows[0]))
        written.writeheader()
        written.writerows(rows)


def test_views_of_one_date_are_searched_in_another_where_they_belong(tmp_path):
    rows = [row for seed in (0, 1) for row in write_pair(tmp_path / "d", f"p{seed}", seed, "about 0.5")]
    write_manifest(tmp_path / "d", [*rows, *write_pair(tmp_path / "d", "coarse", 2, "3")])
    gallery = cases.dates([tmp_path / "d"], tmp_path / "out", Reading(), 1.2, 2)
    queries = read_queries(tmp_path / "out" / "photos")
    assert len(queries) == 4 and len(gallery) > 2
    for query in queries:
        number = int(query.file.name[1])
        assert distance_m(query.truth, cases.made_up_place(number, cases.PLACE_APART_M)) < 150
        [covering] = gallery.covering([query.truth])
        assert len(covering) and f"p{number}" in query.file.name
        photo = load_photo(query.file)
        assert photo.pose.heading_deg is not None and distance_m(photo.position, query.truth) < 150


def test_a_place_of_many_dates_is_laid_by_its_homographies(tmp_path):
    folder = tmp_path / "d"
    (folder / "Town").mkdir(parents=True)
    rows = [{"file": f"Town/T_{y}.jpg", "role": "view", "pair": "Town", "m_per_px": "0.5"} for y in (1, 2)]
    write_manifest(folder, rows)
    turned = [[0.0, -2.0, 600.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    known = {"reference": "T_1", "to_reference": {"T_1": {"H": np.eye(3).tolist()}, "T_2": {"H": turned}}}
    (folder / "Town" / "homographies.json").write_text(json.dumps(known))
    [place] = cases.dated_places(folder, 1.0)
    assert place.searched.name == "T_1.jpg" and [one.file.name for one in place.asked] == ["T_2.jpg"]
    Image.new("RGB", (300, 300)).save(place.asked[0].file)
    at = LonLat(0.0, 0.0)
    ground, view, truth = cases._cut(place.asked[0], 0.5, (600, 600), at, np.random.default_rng(0))
    assert abs(ground.gsd_m - 1.0) < 1e-9 and abs(ground.up_deg - 90) < 1e-6
    assert distance_m(ground.place(view.right_m, view.up_m), truth) < 16  # the lowest tenth is cut away


def test_frames_of_a_video_state_what_the_manifest_says(tmp_path):
    folder = write_cells(tmp_path / "v", 1)
    pixels = np.moveaxis(textured(200, 200, 3), 0, -1)
    transform = from_origin(0, 100, 1, 1)
    with rasterio.open(
        folder / "map.tif", "w", driver="GTiff", dtype="uint8", count=3, width=200, height=200, crs="EPSG:3857",
        transform=transform,
    ) as raster:  # fmt: skip
        raster.write(np.moveaxis(pixels, -1, 0))
    frame = {"role": "query", "lat": 0.0, "lon": 0.0009, "m_per_px": 0.25, "yaw_deg": 30, "verified": 1}
    rows = [{**frame, "file": "cells/0.jpg"}, {**frame, "file": "map.tif", "role": "map"}]
    write_manifest(folder, [*rows, {**frame, "file": "cells/none.jpg", "verified": 0}])
    gallery = cases.video(folder, tmp_path / "out", Reading())
    [query] = read_queries(tmp_path / "out" / "photos")
    pose = load_photo(query.file).pose
    assert len(gallery) and abs(pose.heading_deg - 30) < 0.1 and pose.pitch_deg == -90
    assert abs(pose.height_m * 2 * math.tan(math.radians(FOV_DEG / 2)) - SIDE_PX * 0.25) < 0.5
    with pytest.raises(GalleryError, match="has no manifest"):
        cases.manifest_of(tmp_path)
