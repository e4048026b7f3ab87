"""The makers' angles, against each other and against rotations that are multiplied out."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gallery.telemetry.angles import Angles, of_body, of_gimbal, of_omega_phi_kappa
from mean_model.photo import read_metadata
from tests.helpers.bad_files import jpeg_bytes, picture

tilts, headings = st.floats(-30, 30), st.floats(0, 359)


def about(axis: int, angle_deg: float) -> np.ndarray:
    """(3, 3): a right-handed rotation about one axis."""
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    one, other = [(1, 2), (2, 0), (0, 1)][axis]
    turn = np.eye(3)
    turn[one, one], turn[one, other], turn[other, one], turn[other, other] = cos, -sin, sin, cos
    return turn


def axes_of(angles: Angles) -> np.ndarray:
    """(3, 3): the picture's up and right, and where its camera looks, as rows; north, east, down."""
    assert angles.pitch_deg is not None
    body = about(2, angles.heading_deg) @ about(1, angles.pitch_deg + 90) @ about(0, angles.roll_deg)
    return body.T


@given(headings, st.floats(-90, -25), st.floats(-40, 40))
def test_a_gimbal_looks_forward(yaw, pitch, roll):
    forward, right, down = (about(2, yaw) @ about(1, pitch) @ about(0, roll)).T
    up, own_right, ahead = axes_of(of_gimbal(yaw, pitch, roll))
    assert np.allclose([up, own_right, ahead], [-down, right, forward], atol=1e-9)


@given(tilts, tilts, st.floats(-179, 179))
def test_omega_phi_kappa_turn_about_east_north_and_up(omega, phi, kappa):
    to_map = about(0, omega) @ about(1, phi) @ about(2, kappa)  # east, north, up
    right, up, backward = (each[[1, 0, 2]] * [1, 1, -1] for each in to_map.T)
    assume(up[2] <= 0)  # what tilts backward is taken to look straight down
    assert np.allclose(axes_of(of_omega_phi_kappa(omega, phi, kappa)), [up, right, -backward], atol=1e-9)


def test_plain_cases():
    assert of_gimbal(-120, -90, 0) == Angles(240, -90.0) and of_gimbal(10, -90.1, 0).pitch_deg == -90
    flipped = of_gimbal(-120, -90, 180)
    assert (flipped.heading_deg, flipped.pitch_deg) == pytest.approx((60, -90))
    assert of_gimbal(60, -40, 180).pitch_deg is None, "upside down"
    assert of_gimbal(60, -5, 12) == Angles(60, -5), "a roll near the horizon is not used"
    assert of_body(60, -3, 2) == Angles(60, -90, 2), "tilted backward"
    assert of_body(60, 0, 0) == Angles(60, -90) and of_body(60, 30, -4) == Angles(60, -60, -4)
    east_up = of_omega_phi_kappa(0, 0, -90)
    assert (east_up.heading_deg, east_up.pitch_deg, east_up.roll_deg) == pytest.approx((90, -90, 0))


@pytest.mark.parametrize(("pitch", "roll"), [(-90, 12), (-60, 5), (-45, -9), (-25, 3), (-30, 0), (-80, 180)])
def test_a_photo_and_a_file_beside_it_are_read_alike(pitch, roll):
    names = {"Yaw": 60, "Pitch": pitch, "Roll": roll}
    said = " ".join(f'drone-dji:Gimbal{name}Degree="{value}"' for name, value in names.items())
    xmp = f"<x:xmpmeta><rdf:Description {said}/></x:xmpmeta>".encode()
    photo = read_metadata(jpeg_bytes(picture(), xmp=xmp)).pose
    beside = of_gimbal(60, pitch, roll)
    assert photo is not None
    assert (photo.heading_deg, photo.pitch_deg) == pytest.approx((beside.heading_deg, beside.pitch_deg))
    if abs(roll) < 90:
        assert (photo.roll_deg or 0.0) == pytest.approx(beside.roll_deg, abs=1e-9)
