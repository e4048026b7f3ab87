"""Numbers, places and times as a visitor reads them."""

from collections.abc import Mapping

STAGES = ("read", "embed", "search", "verify", "draw")
"""The stages of an answer in the order they happen; others follow."""


def metres(value_m: float) -> str:
    """A distance: "8 m", "1.24 km", "5,210 km"."""
    if value_m < 999.5:
        return f"{value_m:.0f} m"
    km = value_m / 1000
    return f"{km:,.2f} km" if km < 10 else f"{km:,.0f} km"


def coordinates(lon: float, lat: float) -> str:
    """A point, longitude first; the letters say which is which. Five decimals are about a metre."""
    return f"{abs(lon):.5f}° {'E' if lon >= 0 else 'W'}, {abs(lat):.5f}° {'N' if lat >= 0 else 'S'}"


def similarity(score: float) -> str:
    """A cosine, with as many digits as tell two tiles apart."""
    return f"{score:.3f}"


def duration(seconds: float) -> str:
    """A time: "0.4 ms", "38 ms", "1.2 s"."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 else f"{seconds * 1000:.1f} ms"


def stages(timings: Mapping[str, float]) -> list[tuple[str, str]]:
    """(stage, time) in the order they happen, with the total at the end."""
    names = [name for name in STAGES if name in timings] + [name for name in timings if name not in STAGES]
    lines = [(name, duration(timings[name])) for name in names]
    return [*lines, ("total", duration(sum(timings.values())))] if lines else []


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 tile, 1,521 tiles."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
