"""A turned rectangle on the ground, in which everything built and levelled is laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Footprint:
    """A rectangle around (x, y), metres: u runs along it, `angle` radians from east towards north, and v across."""

    x: float
    y: float
    angle: float
    half_u: float
    half_v: float

    @property
    def corners(self) -> list[Point]:
        """Its four corners, counter-clockwise."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return [
            (self.x + i * self.half_u * c - j * self.half_v * s, self.y + i * self.half_u * s + j * self.half_v * c)
            for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]

    def at(self, u: float, v: float) -> Point:
        """The point this far, metres, from its middle."""
        return offset(self.x, self.y, self.angle, u, v)

    def part(self, u: float, v: float, half_u: float, half_v: float, turn: float = 0.0) -> Footprint:
        """A rectangle around one of its points, turned by this much against it."""
        return Footprint(*self.at(u, v), self.angle + turn, half_u, half_v)

    def resized(self, half_u: float, half_v: float) -> Footprint:
        """A rectangle of another size in its place."""
        return Footprint(self.x, self.y, self.angle, half_u, half_v)

    def grown(self, room_m: float) -> Footprint:
        """The same with this room on all sides."""
        return self.resized(self.half_u + room_m, self.half_v + room_m)


def offset(x: float, y: float, angle: float, u: float, v: float) -> Point:
    """The point u metres along and v metres across from (x, y) in the frame turned by `angle`."""
    return x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle)


def turned(u: float, v: float, angle: float) -> Point:
    """The point at (u, v) in the frame around the origin turned by `angle`."""
    return u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)
