"""What a gallery of a larger area takes, on paper: measured work and bytes a tile, times the tiles of the area.

Build time and bytes grow with the tiles. So does the search of one machine: it scans a share of the codes that was the
same at every size measured. Money is the time of the cores, and the disk for a month.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AREAS = {"1,000": 1e3, "10,000": 1e4, "100,000 (Iceland)": 1e5, "1,000,000 (Egypt)": 1e6, "10,000,000 (Europe)": 1e7}
"""Areas in km2."""

INTERACTIVE_MS = 1000.0
"""Milliseconds from which on a search is one for a cluster."""


PRICES = {
    "core_hour": "USD a core-hour",
    "gb_month": "USD a GB of disk and month",
    "tile_side_m": "metres, of the tiles on paper",
    "overlap": "of the tiles on paper",
}


@dataclass(frozen=True)
class Prices:
    """What is assumed, each described in PRICES; examples, not offers."""

    core_hour: float = 0.04
    gb_month: float = 0.08
    tile_side_m: float = 100.0
    overlap: float = 0.5

    @property
    def tiles_per_km2(self) -> float:
        """Each tile stands a step from the next."""
        return (1000 / (self.tile_side_m * (1 - self.overlap))) ** 2


HEAD = (
    "km2",
    "tiles",
    "disk",
    "memory to search",
    "core-hours",
    "build, USD",
    "disk, USD a month",
    "search of a photo",
)


@dataclass(frozen=True)
class AreaCost:
    """What a gallery of one area costs."""

    area: str  # km2
    tiles: float
    disk_gb: float
    memory_gb: float  # that searching it takes; the vectors stay on disk
    core_hours: float
    build_usd: float
    month_usd: float  # for the disk
    search_ms: float  # for the views of one photo, on one machine


def costs(built: Mapping[str, Any], searched: Mapping[str, Any], prices: Prices) -> list[AreaCost]:
    """Costs of AREAS.

    Args:
        built: one of the "build" figures of `benchmark gallery --json`.
        searched: the largest of its "search" figures.
    """
    found = []
    for area, km2 in AREAS.items():
        tiles = km2 * prices.tiles_per_km2
        share = tiles / searched["tiles"]
        disk_gb = tiles * sum(searched["bytes_a_tile"].values()) / 1e9
        core_hours = tiles * built["build_core_s_a_tile"] / 3600
        found.append(
            AreaCost(
                area=area,
                tiles=tiles,
                disk_gb=disk_gb,
                memory_gb=share * searched["own_mb"] / 1024,
                core_hours=core_hours,
                build_usd=core_hours * prices.core_hour,
                month_usd=disk_gb * prices.gb_month,
                search_ms=share * searched["approximate_ms"],
            )
        )
    return found


def paper(figures: Mapping[str, Any], prices: Prices) -> str:
    """The table, with what it assumes.

    Args: figures: what `benchmark gallery --json` printed.
    """
    searched: Mapping[str, Any] = max(figures["search"], key=lambda each: each["tiles"])
    lines = [
        f"{prices.tiles_per_km2:,.0f} tiles a km2, of {prices.tile_side_m:g} m, overlap {prices.overlap:g};",
        f"{searched['dimension']} numbers each. Assumed: {prices.core_hour:g} USD a core-hour,",
        f"{prices.gb_month:g} USD a GB of disk and month. Measured: the build's core-seconds a tile; bytes, memory and",
        f"search at {searched['tiles']:,} tiles. The rest is extrapolated, and imagery is not counted.",
    ]
    for built in figures["build"]:
        rows = [_cells(cost) for cost in costs(built, searched, prices)]
        lines += [
            "",
            f"{built['model']}, {1e3 * built['build_core_s_a_tile']:.1f} ms of a core for each tile:",
            "",
            *table(HEAD, rows),
        ]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---:"] * len(head), *rows)]


def _cells(cost: AreaCost) -> list[str]:
    """A row below HEAD."""
    return [
        cost.area,
        f"{cost.tiles:,.0f}",
        _size(cost.disk_gb),
        _size(cost.memory_gb),
        f"{cost.core_hours:,.0f}",
        f"{cost.build_usd:,.2f}",
        f"{cost.month_usd:,.2f}",
        f"{cost.search_ms:.0f} ms" if cost.search_ms <= INTERACTIVE_MS else "on a cluster",
    ]


def _size(gigabytes: float) -> str:
    return f"{gigabytes:,.1f} GB" if gigabytes < 1000 else f"{gigabytes / 1000:,.1f} TB"
