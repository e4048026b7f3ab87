"""Points of the ground: the same twice, kept on disk, none where there is nothing."""

import numpy as np
import pytest

from gallery.errors import RegistrationError
from gallery.ground.keypoints import FILES, MOST_PER_KM2, Keypoints, joined, keypoints_of, nothing
from gallery.ground.picture import GroundImage
from tests.helpers.ground_views import ground_of


def same(one: Keypoints, other: Keypoints) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FILES)


def test_points_are_the_same_twice_and_after_saving(tmp_path):
    ground = ground_of(2, 300, 0.7)
    points = keypoints_of(ground)
    points.save(tmp_path)
    assert len(points) > 100 and same(points, keypoints_of(ground)) and same(points, Keypoints.load(tmp_path))


@pytest.mark.parametrize("content", [b"nothing", b""])
def test_a_damaged_file_is_named(tmp_path, content):
    keypoints_of(ground_of(2, 200, 0.7)).save(tmp_path)
    (tmp_path / "x_m.npy").write_bytes(content)
    with pytest.raises(RegistrationError, match=r"x_m.npy"):
        Keypoints.load(tmp_path)


def test_files_of_other_types_or_lengths_are_refused(tmp_path):
    points = keypoints_of(ground_of(2, 200, 0.7))
    points.save(tmp_path)
    np.save(tmp_path / "y_m.npy", points.y_m[1:])
    with pytest.raises(RegistrationError, match="differ in length"):
        Keypoints.load(tmp_path)
    np.save(tmp_path / "y_m.npy", points.y_m.astype(np.float64))
    with pytest.raises(RegistrationError, match=r"y_m.npy holds something else"):
        Keypoints.load(tmp_path)


def test_flat_ground_has_no_points():
    flat = GroundImage(np.full((300, 300), 90, np.uint8), np.ones((300, 300), bool), 0.7, 0, 0)
    assert len(keypoints_of(flat)) == len(nothing()) == len(joined([])) == 0


def test_the_strongest_points_are_kept():
    ground = ground_of(3, 300, 0.7)
    assert len(keypoints_of(ground, most=50)) == 50
    assert len(keypoints_of(ground)) <= ground.grey.size * 0.49e-6 * MOST_PER_KM2 + 1


def test_squares_give_the_points_of_the_whole(monkeypatch):
    ground = ground_of(4, 500, 0.7)
    whole = keypoints_of(ground)
    monkeypatch.setattr("gallery.ground.keypoints.BLOCK_PX", 200)
    parts = keypoints_of(ground)
    there = set(zip(np.round(whole.x_m, 1).tolist(), np.round(whole.y_m, 1).tolist(), strict=True))
    again = set(zip(np.round(parts.x_m, 1).tolist(), np.round(parts.y_m, 1).tolist(), strict=True))
    assert len(there & again) > 0.9 * len(there)


def test_no_point_looks_beyond_the_ground():
    ground = ground_of(5, 300, 0.7)
    held = np.zeros(ground.held.shape, bool)
    held[50:250, 60:280] = True
    points = keypoints_of(GroundImage(np.where(held, ground.grey, 0), held, 0.7, 0, 0))
    assert len(points) and points.x_m.min() > 60 * 0.7 and points.x_m.max() < 280 * 0.7
    assert points.y_m.max() < -50 * 0.7 and points.y_m.min() > -250 * 0.7
