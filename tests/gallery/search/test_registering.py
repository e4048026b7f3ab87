"""A gallery with its ground answers better, says what is wrong with a pose, and keeps the embedding's answer."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer, build_gallery
from gallery.build.options import BuildOptions
from gallery.geo import Bounds, distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import GROUND, make_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.search.answer import Answer
from gallery.search.options import SearchOptions
from gallery.search.registering import ELSEWHERE_FROM, MANY_KM2, PROPOSED_FROM
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePose, FakePosition, build_region
from tests.helpers.ground_views import terrain, view

SIDE = 500
HEIGHT_M = 0.4 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    grey = terrain(SIDE, 7)
    gallery = build_region(tmp_path_factory.mktemp("registering"), FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    return gallery


@pytest.fixture(scope="module")
def localizer(gallery: Gallery) -> Localizer:
    return Localizer(gallery, FakeEmbedder())


def of_elsewhere(pose: FakePose | None) -> FakePhoto:
    return replace(photo_of(pose), image=photo_from(terrain(SIDE, 99), 30, (340, 260)))


def photo_from(grey: np.ndarray, heading_deg: float, size_px: tuple[int, int]) -> Image.Image:
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    return Image.fromarray(view(ground, (230, -260), heading_deg, 0.4, size_px)).convert("RGB")


def photo_of(pose: FakePose | None, heading_deg: float = 0.0, size_px: tuple[int, int] = (340, 260)) -> FakePhoto:
    return FakePhoto(photo_from(terrain(SIDE, 7), heading_deg, size_px), "photo.jpg", pose=pose)


def tiles_of(answer: Answer) -> list[str]:
    return [match.tile.id for match in answer.matches]


def test_a_photo_with_a_pose_is_located(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30))
    assert (
        answer.verdict == "located"
        and "register" in answer.timings
        and answer.matches[0].tile.contains(answer.fit.point)
    )


@pytest.mark.parametrize("pose", [None, FakePose(30, -90, HEIGHT_M, 24)])
def test_a_photo_that_the_ground_rules_out_is_not_checked_tile_by_tile(localizer, pose):
    answer = localizer.localize(of_elsewhere(pose), options=SearchOptions(doubt=False))
    assert answer.verdict == "unsure" and answer.ground.elsewhere >= ELSEWHERE_FROM
    assert len(answer.matches) == 5 and "verify" not in answer.timings
    assert answer.check.fit is None and "not here" in answer.check.reason


def test_without_what_is_doubted_only_the_ground_is_asked(gallery, localizer, monkeypatch):
    verified = []
    monkeypatch.setattr(localizer._judge, "verify", lambda *args: verified.append(args))
    answer = localizer.localize(of_elsewhere(FakePose(30, -90, HEIGHT_M, 24)))
    assert answer.verdict == "unsure" and answer.pose.tried_without == ("heading", "height") and not verified


def test_around_proposed_tiles_a_place_is_believed_only_where_points_fit_and_little_is_left_to_chance(
    localizer, monkeypatch
):
    """Photos whose heading was stated 90 degrees wrong were located among the wrong tiles of a large region."""
    ground, photo = localizer._ground, photo_of(FakePose(30, -90, HEIGHT_M, 24), 30)
    _, ranking = localizer.rank(photo, 9)
    found, _ = ground.register(photo, SearchOptions(), None)
    assert found.located and found.fit is not None and found.probability >= PROPOSED_FROM
    for given, believed in (
        (found, True),
        (replace(found, fit=None), False),
        (replace(found, probability=PROPOSED_FROM - 0.01), False),
    ):
        monkeypatch.setattr(ground._registrar, "register", lambda *args, given=given, **options: given)
        everywhere, proposed = (ground.register(photo, SearchOptions(), None, among)[0] for among in (None, ranking))
        assert everywhere.located and proposed.located == believed
        wide = replace(given, searched_km2=MANY_KM2 + 1)
        monkeypatch.setattr(ground._registrar, "register", lambda *args, wide=wide, **options: wide)
        assert ground.register(photo, SearchOptions(), None)[0].located == believed, "over much ground as well"


def test_a_prior_area_is_filtered_before_the_search(gallery, localizer):
    photo = photo_of(FakePose(30, -90, HEIGHT_M, 24), 30)
    everywhere = localizer.localize(photo)
    corner = Bounds.around(gallery.tile(len(gallery) - 1).centre, 0.02)
    answer = localizer.localize(photo, near=corner)
    assert answer.verdict == "unsure" and answer.ground.searched_km2 < 0.6 * everywhere.ground.searched_km2
    here = localizer.localize(photo, near=Bounds.around(everywhere.fit.point, 0.02))
    assert here.verdict == "located" and distance_m(here.fit.point, everywhere.fit.point) < 1


def test_the_tile_of_a_place_covers_it_and_beyond_the_gallery_is_the_nearest(gallery, localizer):
    ground = localizer._ground
    for row in (0, len(gallery) // 2):
        point = moved(gallery.tile(row).centre, 12, -9)
        assert ground.tile_at(point) == gallery.tile_at(point)
    beyond = moved(gallery.tile(0).centre, -300, 300)
    away_m = [distance_m(beyond, gallery.tile(row).centre) for row in range(len(gallery))]
    assert gallery.tile_at(beyond) is None and ground.tile_at(beyond) == gallery.tile(int(np.argmin(away_m)))


def test_of_two_lenses_that_a_photo_states_the_one_that_fits_is_found_and_said(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 60, None, (24.0,)), 30))
    assert answer.verdict == "located" and answer.ground.pose.focal_35mm == 24
    assert any("fits with 24 mm, not with 60 mm" in note for note in answer.notes)
    first = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24, None, (60.0,)), 30))
    assert first.ground.pose.focal_35mm == 24 and not any("disagree" in note for note in first.notes)
    absurd = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 2000, None, (24.0,)), 30))
    assert absurd.verdict == "located", "a lens that no drone has is no reason not to try the other"


def test_a_heading_that_points_the_other_way_is_said(localizer):
    answer = localizer.localize(photo_of(FakePose(210, -90, HEIGHT_M, 24), 30))
    assert answer.verdict == "located" and any("turned by 180 degrees" in note for note in answer.notes)


def test_on_an_image_whose_extent_is_assumed_no_place_is_promised_within_25_m(tmp_path):
    """Drone photos without pose as tiles: 30 m off was told to be right within 25 m, and the heading to be wrong."""
    (tmp_path / "tiles").mkdir()
    for seed in (7, 8):
        photo_from(terrain(SIDE, seed), 70, (500, 500)).save(tmp_path / "tiles" / f"{seed}.png")
    positions = {f"{seed}.png": FakePosition(11 + seed / 100, 48) for seed in (7, 8)}
    made = build_gallery(tmp_path / "tiles", tmp_path / "g", FakeEmbedder(positions=positions), tile_size_m=300)
    make_ground(made)
    answer = Localizer(made, FakeEmbedder()).localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30))
    assert answer.verdict == "located" and answer.place.radius_m > 140 and answer.fit.radius_m > 140
    told = " ".join(answer.notes)
    assert "within 25 m" not in told and "within 152 m" in told and "assumed" in told
    assert "against what the file states" not in told and "times as much ground" not in told


@pytest.mark.parametrize(
    ("pose", "named"),
    [
        (FakePose(0, -90, 0, 24), "height of 0 m"),
        (FakePose(0, -90, -50, 24), "height of -50 m"),
        (FakePose(0, -90, 10_000, 24), "height of 10000 m"),
        (FakePose(0, -90, 80, 1), "focal length of 1 mm"),
        (FakePose(0, 0, 80, 24), "pitch of 0 degrees"),
    ],
)
def test_a_pose_that_cannot_be_is_one_sentence_and_the_tiles_stay(gallery, localizer, pose, named, tmp_path):
    answer = localizer.localize(photo_of(pose))
    assert len([note for note in answer.notes if named in note]) == 1
    bare = Localizer(without_ground(gallery, tmp_path), FakeEmbedder()).localize(photo_of(pose))
    assert tiles_of(answer) == tiles_of(bare) and answer.verdict == bare.verdict


def without_ground(gallery: Gallery, folder: Path) -> Gallery:
    shutil.copytree(gallery.folder.parent, folder / "bare", ignore=shutil.ignore_patterns(GROUND))
    return Gallery.open(folder / "bare" / gallery.folder.name)


@pytest.mark.parametrize("pose", [None, FakePose(0, -90, HEIGHT_M, 24)])
def test_a_photo_of_100_px_is_answered(localizer, pose):
    answer = localizer.localize(photo_of(pose, size_px=(100, 100)))
    assert answer.matches


def test_flat_sea_is_answered(tmp_path):
    sea = np.full((3, 220, 260), 90, np.uint8)
    gallery = build_region(tmp_path, FakeEmbedder(), sea, options=BuildOptions(keep_featureless=True))
    make_ground(gallery)
    localizer = Localizer(gallery, FakeEmbedder())
    for photo in (
        photo_of(None),
        photo_of(FakePose(0, -90, HEIGHT_M, 24)),
        FakePhoto(Image.new("RGB", (300, 200)), "x"),
    ):
        answer = localizer.localize(photo)
        assert answer.matches and answer.verdict == "unsure"


def test_damaged_ground_leaves_the_tiles(gallery, tmp_path, caplog):
    shutil.copytree(gallery.folder.parent, tmp_path / "copy")
    own = Gallery.open(tmp_path / "copy" / gallery.folder.name)
    (own.folder / GROUND / "grey.npy").write_bytes(b"")
    answer = Localizer(own, FakeEmbedder()).localize(photo_of(FakePose(0, -90, HEIGHT_M, 24)))
    assert answer.matches and "register" not in answer.timings
    assert len([line for line in caplog.messages if "python -m gallery ground" in line]) == 1


def test_the_position_in_exif_counts_only_where_it_is_asked_for_and_is_said(gallery, localizer):
    there = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30))
    for off_m in (20, 5000):
        said = moved(there.fit.point, off_m, 0)
        photo = replace(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30), position=FakePosition(said.lon, said.lat))
        plain = localizer.localize(photo)
        hinted = localizer.localize(photo, options=SearchOptions(use_exif_position=True))
        assert not any("hint" in note for note in plain.notes) and plain.confidence == there.confidence
        [note] = [note for note in hinted.notes if "weak hint" in note]
        assert f"{off_m:,} m from the place found" in note
        assert hinted.verdict == "located" and distance_m(hinted.fit.point, there.fit.point) < 1


def test_a_hint_that_cannot_count_is_one_sentence(gallery, localizer, tmp_path):
    asked = SearchOptions(use_exif_position=True)
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30), options=asked)
    assert len([note for note in answer.notes if "states no position" in note]) == 1
    at = gallery.tile(0).centre
    photo = replace(photo_of(None), position=FakePosition(at.lon, at.lat))
    bare = Localizer(without_ground(gallery, tmp_path), FakeEmbedder()).localize(photo, options=asked)
    assert len([note for note in bare.notes if "did not count" in note]) == 1
