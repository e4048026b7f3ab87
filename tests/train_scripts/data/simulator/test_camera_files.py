"""Rendered photos as camera files: EXIF and XMP tell the truth, and so do ground point and footprint."""

import math
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import shapely
from PIL import Image

from gallery.geo import LonLat, distance_m, looked_at
from mean_model import load_photo
from train_scripts.data.simulator.camera_files import Shot, random_shot, take_photo
from train_scripts.data.world.generate import build_scene
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance


@pytest.fixture(scope="module")
def scene() -> Scene:
    return build_scene(1, 512)


SHOT = Shot(20.0, -30.0, 90.0, 215.0, -60.0, 1.0, Appearance(), 8000.0, 3)


def take(scene: Scene, shot: Shot):
    return take_photo(scene, shot, width=160, height=120, finest_gsd_m=0.8, steps=48)


def test_the_file_states_where_and_how_the_camera_looked(scene: Scene) -> None:
    taken = take(scene, SHOT)
    photo = load_photo(taken.jpeg)
    read, pose = photo.position, photo.pose
    assert read is not None and pose is not None
    assert distance_m(LonLat(read.lon, read.lat), LonLat(*taken.camera)) < 0.01
    assert read.altitude_m == pytest.approx(taken.camera_z_m, abs=0.01)
    assert pose.height_m == pytest.approx(90, abs=0.01)
    # The gimbal's roll turns the photo's up, which a pose's heading is of, away from where the camera looks.
    up_deg = math.degrees(math.atan2(math.sin(math.radians(1)), math.cos(math.radians(1)) * math.sin(math.radians(60))))
    assert pose.heading_deg == pytest.approx(215 + up_deg, abs=0.001)
    assert pose.pitch_deg == pytest.approx(-60, abs=0.01)


def test_the_image_centre_shows_the_ground_that_was_aimed_at(scene: Scene) -> None:
    taken = take(scene, SHOT)
    aimed = looked_at(LonLat(*taken.camera), SHOT.heading_deg, SHOT.pitch_deg, taken.camera_z_m - taken.ground_z_m)
    assert distance_m(aimed, LonLat(*taken.ground)) < 1.5
    assert shapely.Polygon(taken.footprint).contains(shapely.Point(taken.ground))


def test_a_photo_is_decided_by_its_shot(scene: Scene) -> None:
    assert take(scene, SHOT).jpeg == take(scene, SHOT).jpeg
    other = take(scene, replace(SHOT, appearance=replace(SHOT.appearance, season="winter", sun_azimuth_deg=300.0)))
    pixels = [np.asarray(Image.open(BytesIO(one)), float) for one in (take(scene, SHOT).jpeg, other.jpeg)]
    assert np.abs(pixels[0] - pixels[1]).mean() > 3
    assert other.ground == take(scene, SHOT).ground  # another day, the same geometry


def test_random_shots_aim_at_land_within_reach(scene: Scene) -> None:
    random = np.random.default_rng(0)
    for seed in range(20):
        shot = random_shot(scene, random, Appearance(), reach_m=200, seed=seed)
        assert max(abs(shot.east_m), abs(shot.north_m)) <= 200
        assert 80 <= shot.altitude_m <= 300 and -90 <= shot.pitch_deg <= -45
