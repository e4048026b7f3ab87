"""The geometric check: known cameras over known ground, and what must never pass."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from shapely.geometry import Point

from gallery import Localizer, build_gallery
from gallery.geo import LonLat, distance_m, moved
from gallery.judge.geometry import Verifier, _scatter_m, look_alike, plausible
from gallery.judge.local_features import NetworkPoints
from gallery.photo.pose import Pose
from gallery.photo.projection import apply, jacobian
from gallery.search.options import SearchOptions
from gallery.tiles import Match
from tests.gallery.judge.test_local_features import PlainSift
from tests.helpers.builders import FakeEmbedder, FakePhoto, textured, write_raster
from tests.helpers.known_ground import (
    EAST,
    FOCAL_35MM,
    GROUND,
    HEIGHT,
    HFOV_DEG,
    NORTH,
    PIXELS,
    SIDE_PX,
    WIDTH,
    camera_homography,
    matches_near,
    place_of,
    surfaces,
    taken,
)


@pytest.mark.parametrize("stated", [True, False], ids=["pose stated", "no pose"])
@pytest.mark.parametrize(
    "pose", [Pose(0, -89.9, 150, FOCAL_35MM), Pose(200, -70, 120, FOCAL_35MM), Pose(75, -50, 140, FOCAL_35MM)]
)
def test_a_known_camera_is_found(gallery, pose, stated):
    truth = place_of(40, -25)
    check = Verifier(gallery).check(taken(GROUND, pose), pose if stated else None, matches_near(gallery, truth))
    fit = check.fit
    assert fit is not None and fit.inliers >= 30 and check.tiles == 1
    assert distance_m(fit.point, truth) < 1.5 and fit.radius_m < 14
    assert abs((fit.heading_deg - pose.heading_deg + 180) % 360 - 180) < 1
    corners = list(fit.footprint.exterior.coords)
    assert str(fit.inliers) in check.reason and check.to_dict()["footprint"] == [list(corner) for corner in corners]
    assert fit.footprint.is_valid
    # half of the long side of the photo at its centre, seen straight on
    slant_m = pose.height_m / math.sin(math.radians(-pose.pitch_deg))
    right = moved(truth, *(slant_m * math.tan(math.radians(HFOV_DEG / 2)) * part for part in _right(pose.heading_deg)))
    assert fit.footprint.exterior.distance(Point(right.lon, right.lat)) * 111_000 < 2
    if stated:
        camera, height_m = fit.camera
        back_m = pose.height_m / math.tan(math.radians(-pose.pitch_deg))
        below = moved(truth, *(-back_m * part for part in _ahead(pose.heading_deg)))
        assert distance_m(camera, below) < 4 and abs(height_m - pose.height_m) < 4
    else:
        assert fit.camera is None


def _ahead(heading_deg: float) -> tuple[float, float]:
    return math.sin(math.radians(heading_deg)), math.cos(math.radians(heading_deg))


def _right(heading_deg: float) -> tuple[float, float]:
    return _ahead(heading_deg + 90)


@pytest.mark.parametrize("stated", [True, False])
def test_other_ground_does_not_fit(gallery, stated):
    pose = Pose(30, -75, 130, FOCAL_35MM)
    matches = matches_near(gallery, place_of(0, 0), 4)
    for elsewhere in (surfaces(textured(SIDE_PX, SIDE_PX, seed=77)), surfaces(np.full_like(PIXELS, 120))):
        check = Verifier(gallery).check(taken(elsewhere, pose), pose if stated else None, matches)
        assert check.fit is None and check.to_dict()["inliers"] == 0 and "No place fits" in check.reason


@pytest.mark.parametrize("stated", [True, False])
def test_points_without_direction_find_the_place_too_and_no_other(gallery, stated):
    pose = Pose(200, -70, 120, FOCAL_35MM)
    verifier, truth = Verifier(gallery, NetworkPoints(PlainSift())), place_of(40, -25)
    matches = matches_near(gallery, truth)
    fit = verifier.check(taken(GROUND, pose), pose if stated else None, matches).fit
    assert fit is not None and distance_m(fit.point, truth) < 1.5
    elsewhere = taken(surfaces(textured(SIDE_PX, SIDE_PX, seed=77)), pose)
    assert verifier.check(elsewhere, pose if stated else None, matches).fit is None


def test_a_mirrored_photo_does_not_fit(gallery):
    image = taken(GROUND, Pose(0, -89.9, 150, FOCAL_35MM)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert Verifier(gallery).check(image, None, matches_near(gallery, place_of(40, -25))).fit is None


def test_a_stated_height_that_is_far_off_does_not_fit(gallery):
    pose = Pose(10, -80, 140, FOCAL_35MM)
    wrong = replace(pose, height_m=pose.height_m * 3)
    assert Verifier(gallery).check(taken(GROUND, pose), wrong, matches_near(gallery, place_of(40, -25))).fit is None


def test_neighbours_are_not_compared_again_and_the_work_is_bounded(gallery):
    pose = Pose(30, -75, 130, FOCAL_35MM)
    image = taken(surfaces(textured(SIDE_PX, SIDE_PX, seed=77)), pose)
    every = matches_near(gallery, place_of(0, 0), len(gallery))
    verifier = Verifier(gallery, kept=2)
    assert verifier.check(image, pose, every, most=3, limit_s=math.inf).tiles == 3
    assert verifier._ground.cache_info().currsize == 2
    assert verifier.check(image, pose, every, limit_s=0).tiles == 1
    same = [every[0], replace(every[0], rank=2)]
    assert verifier.check(image, pose, same, limit_s=math.inf).tiles == 1
    assert verifier.check(image, pose, []).fit is None


def test_two_places_look_alike_when_their_scores_nearly_meet(gallery):
    best, *_, far = matches_near(gallery, place_of(0, 0), len(gallery))
    near = matches_near(gallery, place_of(0, 0), 2)[1]
    scored = [replace(match, score=score) for match, score in ((best, 0.5), (near, 0.499), (far, 0.49))]
    assert look_alike(scored, 150) and not look_alike(scored[:2], 150), "a neighbour is no other place"
    assert not look_alike([*scored[:2], replace(far, score=0.47)], 150) and not look_alike([], 150)
    blank = Image.new("RGB", (WIDTH, HEIGHT))
    reasons = [Verifier(gallery).check(blank, None, matches, most=1).reason for matches in (scored, scored[:2])]
    assert "two places look alike" in reasons[0] and reasons[1] in reasons[0] and "around the best tile." in reasons[1]


def test_the_place_that_fits_comes_first(gallery):
    """The embedder takes another tile for the best; geometry knows better."""
    pose = Pose(0, -89.9, 150, FOCAL_35MM)
    truth = place_of(-400, 540)  # right of the first tile, within the ground around it
    there = next(row for row in range(len(gallery)) if gallery.tile(row).contains(truth))

    class Misled(FakeEmbedder):
        def embed(self, images):
            mixed = (0.6 * gallery.vectors[0] + 0.4 * gallery.vectors[there]).astype(np.float32)
            return np.tile(mixed / np.linalg.norm(mixed), (len(images), 1))

    photo = FakePhoto(taken(GROUND, pose, -400, 540), "a.jpg", None)
    localizer = Localizer(gallery, Misled())
    plain, answer = (localizer.localize(photo, k=3, options=SearchOptions(verify=verify)) for verify in (False, True))
    assert plain.check is None and plain.matches[0].tile.id == gallery.tile(0).id
    assert answer.verdict == "located" and distance_m(LonLat(answer.position.lon, answer.position.lat), truth) < 2
    assert not plain.matches[0].tile.contains(truth) and answer.matches[0].tile.contains(truth)
    assert [match.rank for match in answer.matches] == [1, 2, 3]
    assert len({match.tile.id for match in answer.matches}) == 3
    assert any("agree on one place" in note for note in answer.notes) and answer.timings["verify"] > 0


def test_a_localizer_checks_by_the_matcher_that_it_is_given(gallery):
    asked = []

    class Watched(NetworkPoints):
        def features(self, picture, mask=None):
            asked.append(picture.shape)
            return super().features(picture, mask)

    Localizer(gallery, FakeEmbedder(), Watched(PlainSift())).localize(Image.new("RGB", (400, 300)))
    assert len(asked) > 1, "the photo, and ground"


def test_a_gallery_of_photos_is_laid_as_they_were_taken(tmp_path):
    """Tiles that are images: with a stated extent, and with only a place, whose extent is assumed."""
    pixels = Image.fromarray(np.moveaxis(PIXELS, 0, -1)[400:800, 400:800])
    (tmp_path / "photos").mkdir()
    pixels.save(tmp_path / "photos/a.png")
    centre = place_of(0, 0)
    west, south = (offset for offset in (place_of(-200, 0).lon, place_of(0, -200).lat))
    east, north = place_of(200, 0).lon, place_of(0, 200).lat
    pose = Pose(40, -80, 120, FOCAL_35MM)
    radii = []
    for columns, extent in (("", ""), (",west,south,east,north", f",{west},{south},{east},{north}")):
        (tmp_path / "p.csv").write_text(f"file,lon,lat{columns}\na.png,{centre.lon},{centre.lat}{extent}\n")
        gallery = build_gallery(
            tmp_path / "photos", tmp_path / f"g{len(columns)}", FakeEmbedder(), 400, positions=tmp_path / "p.csv"
        )
        fit = Verifier(gallery).check(taken(GROUND, pose), pose, [Match(1, gallery.tile(0), 0.5)]).fit
        assert fit is not None and distance_m(fit.point, place_of(40, -25)) < 3
        radii.append(fit.radius_m)
    assert radii[0] > 199 and radii[1] < 10


points = np.random.default_rng(0).uniform((60, 60), (WIDTH - 60, HEIGHT - 60), (30, 2))


@given(st.floats(0, 360), st.floats(-90, -35), st.floats(20, 500))
@settings(max_examples=80)
def test_every_camera_above_the_ground_is_plausible_and_no_mirror_is(heading_deg, pitch_deg, height_m):
    to_ground = camera_homography(heading_deg, pitch_deg, height_m)
    size = (WIDTH, HEIGHT)
    assert plausible(to_ground, points, size, Pose(heading_deg, pitch_deg, height_m, FOCAL_35MM))
    assert not plausible(np.diag([-1.0, 1.0, 1.0]) @ to_ground, points, size, None)
    assert not plausible(to_ground, points, size, Pose(heading_deg, pitch_deg, height_m * 2.1, FOCAL_35MM))
    assert not plausible(to_ground, points * [1, 0] + [0, 200], size, None)  # all on one line


@given(st.floats(0, 360), st.floats(-90, -35), st.floats(0, WIDTH), st.floats(0, HEIGHT))
@settings(max_examples=60)
def test_the_jacobian_is_the_derivative(heading_deg, pitch_deg, x, y):
    to_ground = camera_homography(heading_deg, pitch_deg, 100)
    assume(to_ground[2] @ [x, y, 1] > 0.1)
    step = 1e-3
    around = apply(to_ground, np.array([[x + step, y], [x - step, y], [x, y + step], [x, y - step]]))
    numeric = np.column_stack([around[0] - around[1], around[2] - around[3]]) / (2 * step)
    assert np.allclose(jacobian(to_ground, x, y), numeric, rtol=1e-4, atol=1e-6)


def test_the_scatter_says_how_far_off_a_fit_may_be():
    """Noise of one metre on forty points: the fitted centre lies within two standard deviations nearly always."""
    random = np.random.default_rng(4)
    exact = camera_homography(30, -60, 100)
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    within = []
    for _ in range(200):
        seen = random.uniform((0, 0), (WIDTH, HEIGHT), (40, 2))
        there = apply(exact, seen) + random.normal(0, 1, (40, 2))
        fitted, _ = cv2.findHomography(seen, there, 0)
        fitted /= fitted[2] @ [*middle, 1]
        error = np.linalg.norm(apply(fitted, middle[None]) - apply(exact, middle[None]))
        within.append(error <= _scatter_m(seen, there, fitted, middle))
    assert 0.8 < np.mean(within) < 1


def test_a_raster_that_is_gone_takes_the_check_but_not_the_answer(tmp_path):
    raster = write_raster(tmp_path / "region.tif", "EPSG:32633", (EAST, NORTH), pixels=PIXELS[:, :400, :400])
    gallery = build_gallery(raster, tmp_path / "g", FakeEmbedder(), tile_size_m=150)
    photo = FakePhoto(gallery.image(gallery.tile(3), 150), "a.jpg", None)
    raster.unlink()
    answer = Localizer(gallery, FakeEmbedder()).localize(photo)
    assert answer.matches[0].tile.id == gallery.tile(3).id and answer.fit is None
    assert any("could be checked by geometry. There is no file region.tif" in note for note in answer.notes)
