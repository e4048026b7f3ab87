"""The angles by which makers say how a camera was turned, as heading, pitch and roll of its picture."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Angles:
    """How a picture was taken, degrees.

    Attributes:
        heading_deg: clockwise from north, in [0, 360), that the picture's up points to.
        pitch_deg: -90 looks straight down, 0 is level, and a few degrees backward are -90 too; None where the picture
            is upside down.
        roll_deg: about the picture's up, positive where its right side dips.
    """

    heading_deg: float
    pitch_deg: float | None
    roll_deg: float = 0.0


LEAST_DOWN_DEG = 20.0
"""Degrees below the horizon; of a flatter view the roll says nothing of where the picture's up points."""


def of_gimbal(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Angles:
    """Angles of a camera that looks forward: yaw, pitch and roll, in this order, north-east-down.

    So DJI counts ("NED coordinate system, the rotation order is ZYX": Mavic 3M Image Processing Guide, 2023, table
    XMP drone-dji). Straight down, its pitch is -90 and its roll turns the picture.
    """
    if roll_deg == 0 or pitch_deg > -LEAST_DOWN_DEG:
        return Angles(yaw_deg % 360, max(pitch_deg, -90.0))
    forward, right, down = _turned(yaw_deg, pitch_deg, roll_deg).T
    return _of_axes(-down, right, forward)


def of_body(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Angles:
    """Angles of an aircraft whose camera looks straight down when all are 0, its picture's up forward.

    So count Pix4D ("image geolocation and orientation files"), OpenDroneMap (opendm/photo.py: "Pitch: 0 --> nadir
    camera, 90 --> camera is looking forward") and what writes Pix4D's XMP names.
    """
    return Angles(yaw_deg % 360, max(pitch_deg - 90, -90.0), roll_deg)


def of_omega_phi_kappa(omega_deg: float, phi_deg: float, kappa_deg: float) -> Angles:
    """Photogrammetry's angles: rotations about east, north and up, in this order; all 0 look down with north up.

    The picture's axes are right, up and backward (Pix4D: "Yaw, Pitch, Roll and Omega, Phi, Kappa angles").
    """
    (cw, cp, ck), (sw, sp, sk) = (f(np.radians([omega_deg, phi_deg, kappa_deg])) for f in (np.cos, np.sin))
    about_east = np.array([[1, 0, 0], [0, cw, -sw], [0, sw, cw]])
    about_north = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_up = np.array([[ck, -sk, 0], [sk, ck, 0], [0, 0, 1]])
    to_ned = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
    right, up, backward = (to_ned @ about_east @ about_north @ about_up).T
    return _of_axes(up, right, -backward)


def _turned(yaw_deg: float, pitch_deg: float, roll_deg: float) -> np.ndarray:
    """(3, 3): forward, right and down of a body, as columns, north, east and down."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    turned: np.ndarray = yaw @ pitch @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return turned


def _of_axes(up: np.ndarray, right: np.ndarray, ahead: np.ndarray) -> Angles:
    """Args: up, right: (3,) unit, of the picture, north, east and down; ahead: where the camera looks."""
    heading_deg = math.degrees(math.atan2(up[1], up[0])) % 360
    pitch_deg = math.degrees(math.asin(np.clip(-up[2], -1, 1))) - 90
    roll_deg = math.degrees(math.atan2(right[2], ahead[2]))
    if pitch_deg < -110:
        return Angles(heading_deg, None)
    return Angles(heading_deg, max(pitch_deg, -90.0), roll_deg)
