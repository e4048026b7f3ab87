"""Localizer: finds what the gallery holds, honours the prior area, and claims no more than it knows."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

from gallery import Gallery, Localizer, Near, build_gallery
from gallery.errors import AreaError, GalleryError, UnreadablePhoto, WrongModel
from gallery.geo import Bounds, LonLat, destination, distance_m, looked_at, offsets_m
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.photo.views import guessed_poses
from gallery.search.answer import Answer, PhotoProblem
from gallery.search.options import SearchOptions
from gallery.tiles import Tile
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePose, FakePosition, textured
from tests.helpers.ground_views import terrain, view, write_terrain

UNVERIFIED = SearchOptions(verify=False)


@pytest.fixture
def localizer(gallery, embedder) -> Localizer:
    return Localizer(gallery, embedder)


def photo_of(
    gallery: Gallery, row: int, position: FakePosition | None = None, pose: FakePose | None = None
) -> FakePhoto:
    return FakePhoto(gallery.image(gallery.tile(row), 64), f"{row}.jpg", position, pose)


@pytest.mark.parametrize("row", [0, 57, 110])
def test_a_gallery_that_holds_the_photo_finds_it_first(gallery, localizer, row):
    answer = localizer.localize(photo_of(gallery, row), k=3)
    assert answer.matches[0].tile.id == gallery.tile(row).id and answer.matches[0].score > 0.99
    assert [match.rank for match in answer.matches] == [1, 2, 3]
    assert set(answer.timings) == {"read", "embed", "search", "verify"}
    assert set(localizer.localize(photo_of(gallery, row), options=UNVERIFIED).timings) == {"read", "embed", "search"}


def test_search_equals_brute_force(gallery, localizer, embedder):
    photo = photo_of(gallery, 40)
    scores = gallery.vectors.astype(np.float32) @ embedder.embed([photo])[0]
    answer = localizer.localize(photo, k=len(gallery), options=SearchOptions(rotations=1))
    assert [gallery.row(match.tile.id) for match in answer.matches] == np.argsort(-scores, kind="stable").tolist()
    assert [match.score for match in answer.matches] == pytest.approx(np.sort(scores)[::-1].tolist(), abs=1e-5)


def test_more_than_the_gallery_has(gallery, localizer):
    answer = localizer.localize(photo_of(gallery, 0), k=10_000)
    assert len(answer.matches) == len(gallery) and any("Only" in note for note in answer.notes)


def test_a_tile_elsewhere_changes_no_other_score(gallery, localizer, make_raster, tmp_path, embedder):
    far = make_raster("far.tif", origin=(-9_000_000.0, 1_000_000.0), pixels=textured(300, 300, 77))
    bigger = build_gallery([gallery.folder / "../region.tif", far], tmp_path / "big", embedder, tile_size_m=100)
    photo = photo_of(gallery, 31)
    before = {match.tile.id: match.score for match in localizer.localize(photo, k=1000).matches}
    after = {match.tile.id: match.score for match in Localizer(bigger, embedder).localize(photo, k=1000).matches}
    assert len(after) > len(before) and all(after[tile] == before[tile] for tile in before)


def test_a_quarter_turn_is_found_with_four_rotations(gallery, localizer):
    photo = photo_of(gallery, 44)
    turned = replace(photo, image=photo.image.rotate(90))
    assert localizer.localize(turned, options=SearchOptions(rotations=1)).matches[0].score < 0.9
    answer = localizer.localize(turned, options=SearchOptions(rotations=4))
    assert answer.matches[0].tile.id == gallery.tile(44).id and answer.matches[0].score > 0.99
    assert len({match.tile.id for match in answer.matches}) == 5


@pytest.mark.parametrize("heading_deg", [90.0, 180.0, 270.0, 37.0, 360.0])
def test_a_known_heading_turns_north_up_and_is_searched_once(gallery, localizer, embedder, heading_deg):
    tile = gallery.tile(44)
    wide = replace(tile, window=tile.window._replace(width_px=tile.window.width_px * 2))  # east of it, more ground
    picture = gallery.image(wide, 256).rotate(heading_deg, resample=3, expand=True)
    centre = LonLat(*gallery.centres[44])
    photo = FakePhoto(picture, "h.jpg", FakePosition(centre.lon, centre.lat), FakePose(heading_deg))
    before = embedder.embedded
    answer = localizer.localize(photo)
    assert embedder.embedded == before + 1
    assert f"turned by {heading_deg % 360:.0f} degrees so that north is up" in " ".join(answer.notes)
    if heading_deg % 90 == 0:  # the centred square of the doubled window lies half a tile further east
        expected = distance_m(centre, answer.matches[0].tile.centre)
        assert expected == pytest.approx(distance_m(centre, tile_centre_of_square(gallery, wide)), abs=30)


def tile_centre_of_square(gallery: Gallery, wide: Tile) -> LonLat:
    from gallery.imagery.raster import Raster

    with Raster(gallery.folder / wide.source) as raster:
        return raster.tile("x", wide.window, wide.source).centre


def test_a_heading_can_be_ignored_and_its_absence_is_told(gallery, localizer, embedder):
    image = gallery.image(gallery.tile(44), 64).rotate(90)
    wrong = FakePhoto(image, "w.jpg", FakePosition(15, 45), FakePose(10))
    before = embedder.embedded
    answer = localizer.localize(wrong, options=SearchOptions(north_up=False))
    assert embedder.embedded == before + 4 and answer.matches[0].tile.id == gallery.tile(44).id
    assert any("four quarter turns" in note for note in answer.notes)
    for rotations, words in ((4, "does not state its heading: its four"), (1, "searched as it is")):
        notes = localizer.localize(FakePhoto(image, "n.jpg"), options=SearchOptions(rotations=rotations)).notes
        assert sum(words in note for note in notes) == 1


def test_photos_with_and_without_heading_in_one_batch(gallery, localizer):
    photos = [photo_of(gallery, row, None, FakePose(row) if row % 2 else None) for row in range(5)]
    together = localizer.localize_many(photos)
    alone = [localizer.localize(photo) for photo in photos]
    assert [one.matches for one in together] == [one.matches for one in alone]
    assert [one.notes for one in together] == [one.notes for one in alone]


def test_only_the_prior_area_is_searched(gallery, localizer):
    photo, tile = photo_of(gallery, 44), gallery.tile(100)
    for near in (Near(tile.centre.lon, tile.centre.lat, 0.01), Bounds.around(tile.centre, 0.01)):
        answer = localizer.localize(photo, k=1000, near=near)
        assert 1 <= len(answer.matches) <= 9
        assert all(
            match.tile.contains(tile.centre) or distance_m(match.tile.centre, tile.centre) < 120
            for match in answer.matches
        )
    full = {match.tile.id: match.score for match in localizer.localize(photo, k=1000).matches}
    assert all(match.score == full[match.tile.id] for match in answer.matches)


def test_a_prior_elsewhere_gives_no_match_and_says_so(gallery, localizer):
    answer = localizer.localize(photo_of(gallery, 0, FakePosition(15, 45)), near=Near(-70, -30, 5))
    assert answer.matches == () and answer.position is None and answer.verdict == "unsure" and answer.exif is None
    assert "km away" in answer.notes[0]


def test_exif_is_measured_to_the_best_tiles_centre(gallery, localizer):
    centre = gallery.tile(44).centre
    stated = destination(centre, 70, 123.4)
    answer = localizer.localize(photo_of(gallery, 44, FakePosition(stated.lon, stated.lat)), options=UNVERIFIED)
    assert answer.exif is not None and answer.exif.error_m == pytest.approx(123.4, abs=0.01)
    assert localizer.localize(photo_of(gallery, 44, FakePosition(400, 10))).exif is None


def test_an_oblique_photo_is_measured_from_what_it_looks_at(gallery, localizer):
    centre = gallery.tile(44).centre
    camera = destination(centre, 250, 100)  # looks towards 70 degrees, 45 degrees down, from 100 m: at the centre
    there, full = FakePosition(camera.lon, camera.lat), FakePose(70.0, -45.0, 100.0)
    ignored = SearchOptions(north_up=False, verify=False)
    answer = localizer.localize(photo_of(gallery, 44, there, full), options=ignored)
    assert answer.exif is not None and answer.exif.error_m == pytest.approx(0, abs=0.01)
    assert LonLat(answer.exif.lon, answer.exif.lat) == looked_at(camera, 70, -45, 100)
    assert any("where the camera looked" in note for note in answer.notes)
    for lacking in (
        {"heading_deg": None},
        {"pitch_deg": None},
        {"height_m": None},
        {"pitch_deg": -19.9},
        {"pitch_deg": 5.0},
        {"height_m": -3.0},
        {"heading_deg": float("nan")},
    ):
        answer = localizer.localize(photo_of(gallery, 44, there, replace(full, **lacking)), options=ignored)
        assert answer.exif is not None and answer.exif.error_m == pytest.approx(100, abs=0.01)
        assert any("camera's own position" in note for note in answer.notes)


def test_notes_never_tell_where_a_photo_was_taken(gallery, localizer):
    at = gallery.tile(44).centre
    position, pose = FakePosition(at.lon, at.lat, 321.0), FakePose(77.0, -60.0, 123.0)
    for note in localizer.localize(photo_of(gallery, 44, position, pose)).notes:
        assert f"{at.lon:.2f}" not in note and f"{at.lat:.2f}" not in note and "123" not in note


def test_the_answer_as_the_contract_has_it(gallery, localizer):
    answer = json.loads(json.dumps(localizer.localize(photo_of(gallery, 3, FakePosition(15, 45)), k=2).to_dict()))
    assert list(answer) == ["photo", "matches", "position", "verdict", "confidence", "exif", "geometry", "pose"]
    assert list(answer["matches"][0]) == ["rank", "tile_id", "score", "lon", "lat", "bounds"]
    west, south, east, north = answer["matches"][0]["bounds"]
    assert west < answer["matches"][0]["lon"] < east and south < answer["matches"][0]["lat"] < north
    assert (
        answer["photo"] == "3.jpg"
        and answer["confidence"] is None
        and list(answer["exif"]) == ["lon", "lat", "error_m"]
    )


def test_photos_as_paths_pictures_and_bad_ones_among_them(gallery, localizer, make_photos):
    photos = make_photos(2)
    (photos / "bad.jpg").write_text("no picture")
    results = localizer.localize_many(
        [photos / "0.jpg", str(photos / "bad.jpg"), photos / "absent.jpg", photos / "1.jpg"]
    )
    assert [type(result) for result in results] == [Answer, PhotoProblem, PhotoProblem, Answer]
    assert results[1].to_dict() == {"photo": "bad.jpg", "error": "bad.jpg is no picture that can be read."}
    assert results[0].matches == localizer.localize(photos / "0.jpg").matches
    with pytest.raises(UnreadablePhoto):
        localizer.localize(photos / "bad.jpg")
    assert localizer.localize(gallery.image(gallery.tile(0))).photo == "picture"
    assert localizer.localize_many([]) == []


def test_many_photos_equal_single_ones(gallery, localizer):
    photos = [photo_of(gallery, row) for row in range(20)]
    together = localizer.localize_many(photos, options=SearchOptions(rotations=4))
    assert [one.matches for one in together] == [
        localizer.localize(photo, options=SearchOptions(rotations=4)).matches for photo in photos
    ]


def test_refusals(gallery, localizer):
    with pytest.raises(GalleryError, match="at least 1"):
        localizer.localize(photo_of(gallery, 0), k=0)
    with pytest.raises(GalleryError, match="1, 4 or 16"):
        localizer.localize(photo_of(gallery, 0), options=SearchOptions(rotations=2))
    with pytest.raises(AreaError, match="radius"):
        Near(0, 0, 0)
    with pytest.raises(AreaError, match="Longitude"):
        Near(200, 0, 1)
    with pytest.raises(WrongModel, match=r"fake \(fake-8x8\).*fake \(other\)"):
        Localizer(gallery, FakeEmbedder(fingerprint="other"))


def test_located_only_with_a_position(gallery, localizer):
    for row in range(0, len(gallery), 9):
        answer = localizer.localize(photo_of(gallery, row), k=1)
        assert (answer.verdict == "located") == (answer.position is not None)
        assert answer.confidence is None and answer.notes


class FromAbove(FakeEmbedder):
    """Knows views from above."""

    from_above = True


def test_a_photo_with_a_pose_is_found_from_above(gallery):
    """Taken straight down facing east from where it shows 150 m: nine squares, eight of which it does not fill."""
    tile = gallery.tile(5 * 17 + 8)
    with rasterio.open(gallery.folder / "../region.tif") as region:
        to_region = Transformer.from_crs(4326, region.crs, always_xy=True)
        row, column = region.index(*to_region.transform(tile.centre.lon, tile.centre.lat))
        pixels = np.moveaxis(region.read(), 0, -1)[row - 75 : row + 75, column - 75 : column + 75]
    facing_east = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    focal_35mm = FILM_DIAGONAL_MM * 100 / math.hypot(150, 150)  # 100 m up, 150 m wide
    photo = FakePhoto(facing_east, "a.jpg", None, FakePose(90.0, -90.0, 100.0, focal_35mm))
    localizer = Localizer(gallery, FromAbove())
    answer = localizer.localize(photo, options=UNVERIFIED)
    assert answer.matches[0].tile.id == tile.id and answer.matches[0].score > 0.8
    assert "ground plane" in " ".join(answer.notes)
    views = localizer.views(photo)
    assert len(views.views) == 9 and views.side_m == pytest.approx(100, rel=0.01)
    searched, ranking = localizer.rank(photo, len(gallery))
    judged = localizer.judge(photo, searched, ranking)
    assert (judged.matches, judged.position) == (answer.matches, answer.position)
    assert sorted(ranking.rows) == list(range(len(gallery)))
    ignored = localizer.localize(photo, options=SearchOptions(rotations=4, north_up=False))
    assert "quarter turns" in " ".join(ignored.notes)
    assert Localizer(gallery, FakeEmbedder()).views(photo).side_m is None


def test_of_several_scales_a_photo_is_searched_among_the_one_that_it_fills(gallery, tmp_path):
    both = build_gallery(gallery.folder / "../region.tif", tmp_path / "both", FromAbove(), [60, 120])
    localizer = Localizer(both, FromAbove())
    picture = both.image(both.tile(0), 300)
    for height_m, scale_m in ((40.0, 60), (95.0, 60), (130.0, 120), (400.0, 120)):
        focal_35mm = FILM_DIAGONAL_MM * 100 / math.hypot(100, 100)  # as wide as it is high
        photo = FakePhoto(picture, "s.jpg", None, FakePose(0.0, -90.0, height_m, focal_35mm))
        _, ranking = localizer.rank(photo, len(both))
        assert set(both.scales_m[ranking.rows]) == {scale_m}
        assert sorted(ranking.rows) == np.flatnonzero(both.scales_m == scale_m).tolist()
    _, ranking = localizer.rank(FakePhoto(picture, "n.jpg"), 50)  # its pose is guessed, at both scales
    assert len(set(both.scales_m[ranking.rows])) == 1
    _, turned = localizer.rank(FakePhoto(picture, "n.jpg"), len(both), options=SearchOptions(rotations=4))
    assert sorted(turned.rows) == list(range(len(both)))


@pytest.mark.slow
@pytest.mark.parametrize("pose", [None, FakePose(), FakePose(heading_deg=90.0), FakePose(height_m=120.0)])
def test_a_pose_that_is_not_stated_is_guessed(gallery, pose):
    """Straight down facing east, 150 m wide: found by the guessed pose whose ground the gallery knows best."""
    row = 5 * 17 + 8
    with rasterio.open(gallery.folder / "../region.tif") as region:
        tile = gallery.tile(row)
        to_region = Transformer.from_crs(4326, region.crs, always_xy=True)
        y, x = region.index(*to_region.transform(tile.centre.lon, tile.centre.lat))
        pixels = np.moveaxis(region.read(), 0, -1)[y - 75 : y + 75, x - 75 : x + 75]
    photo = FakePhoto(Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90), "a.jpg", None, pose)
    localizer = Localizer(gallery, FromAbove())
    answer = localizer.localize(photo, k=3)
    assert answer.matches[0].tile.id == tile.id
    assert "upper side towards 90 degrees" in " ".join(answer.notes)
    poses = guessed_poses(photo, 16, True, 100)
    assert len({pose.heading_deg for pose in poses}) == (16 if pose is None or pose.heading_deg is None else 1)
    assert len(guessed_poses(photo, 16, False, 100)) == 16 * len(poses) // len({pose.heading_deg for pose in poses})
    assert guessed_poses(photo, 4, True, 100) == guessed_poses(photo, 16, True, None) == ()
    empty = localizer.localize(photo, near=Near(-100, 20, 5))
    assert empty.matches == () and "No tile" in empty.notes[0]
    both = localizer.localize_many([photo, photo_of(gallery, 3), photo], k=3, options=SearchOptions(rotations=16))
    assert both[0].matches == both[2].matches == answer.matches and both[1].photo == "3.jpg"


def test_names_of_problems_hold_no_path_and_no_control_characters():
    from gallery.search.localizer import _name

    assert _name(Path("/a/b\n\x1b[31m.jpg")) == "b??[31m.jpg" and _name(b"bytes") == "photo" and _name("") == "photo"


@pytest.mark.parametrize(
    ("crs", "centre"),
    [("EPSG:3031", LonLat(90, -75)), ("EPSG:3413", LonLat(100, 80)), ("EPSG:5041", LonLat(-30, 89.95))],
    ids=["90 degrees", "145 degrees", "6 km from the pole"],
)
def test_a_photo_is_found_where_the_grid_runs_far_from_north(tmp_path, crs, centre):
    grey, heading_deg, at = terrain(420, 7), 30.0, (300.0, -150.0)
    place = write_terrain(tmp_path / "polar.tif", crs, centre, grey)
    picture = view(GroundImage(grey, grey > 0, 1.0, 0.0, 0.0), at, heading_deg, 0.4, (340, 260))
    truth = place(*at)
    meridians_deg = math.degrees(math.atan2(*offsets_m(place(at[0], at[1] - 5), place(at[0], at[1] + 5))))
    pose = FakePose(heading_deg + meridians_deg, -90, 0.4 * math.hypot(340, 260) * 24 / FILM_DIAGONAL_MM, 24)
    photo = FakePhoto(Image.fromarray(picture).convert("RGB"), "photo.jpg", pose=pose)
    gallery = build_gallery(tmp_path / "polar.tif", tmp_path / "g", FakeEmbedder(), tile_size_m=100)
    answers = [Localizer(gallery, FakeEmbedder()).localize(photo)]
    make_ground(gallery)
    answers.append(Localizer(gallery, FakeEmbedder()).localize(photo))
    for answer in answers:
        assert answer.verdict == "located" and answer.error_m(truth) < 5
        assert abs((answer.fit.heading_deg - pose.heading_deg + 180) % 360 - 180) < 0.5
        assert any(distance_m(LonLat(*corner), truth) < 120 for corner in answer.fit.footprint.exterior.coords)
