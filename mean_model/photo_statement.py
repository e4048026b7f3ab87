"""One thing that a photo's file states of how it was taken, and the numbers in it."""

import math
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Statement:
    """What a tag says, and what became of it."""

    quantity: str  # heading, pitch, roll, height, focal length, zoom, position, altitude or time
    tag: str
    value: str  # as the file states it
    taken: bool = True
    reason: str = ""  # why it was not taken, or how it was read


def number(value: Any) -> float | None:
    """A finite float of a number, of "+1.5", "1,5" or "3/2", or None; 0/0 is how EXIF writes 'unknown'."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        value = value.strip("\0 ")
        value = value.replace(",", ".") if re.fullmatch(r"[+-]?\d{0,15},\d{1,15}", value) else value
        value, _, divisor = value.partition("/")
    else:
        divisor = ""
    try:
        result = float(value) / (float(divisor) if divisor else 1.0)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return result if math.isfinite(result) else None


def sane(value: float | None, low: float, high: float) -> float | None:
    """The value, or None where it lies outside the bounds."""
    return value if value is not None and low <= value <= high else None
