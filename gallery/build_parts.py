"""What a build has done so far: a file for each batch of candidates, from which it goes on."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely

from gallery.geo import LonLat
from gallery.tiles import Tile, Window


@dataclass
class Part:
    """What one batch gives: written at once, or not at all."""

    tiles: list[Tile] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # candidate id -> reason
    vectors: np.ndarray | None = None  # (n, D) float16


def write_part(file: Path, part: Part, dimension: int) -> None:
    """Write a part, whole or not at all. Args: dimension: of vectors, also where there are none."""
    rows = [
        {
            "id": tile.id,
            "centre": [tile.centre.lon, tile.centre.lat],
            "footprint": shapely.to_wkb(tile.footprint, hex=True),
            "metres_per_px": tile.metres_per_px,
            "source": tile.source,
            "window": tile.window,
            "image": tile.image,
            "placed": tile.placed,
            "content": content,
        }
        for tile, content in zip(part.tiles, part.contents, strict=True)
    ]
    text = json.dumps({"rows": rows, "skipped": part.skipped}).encode()
    vectors = part.vectors if part.vectors is not None else np.empty((0, dimension), np.float16)
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as stream:
        np.savez(stream, vectors=vectors, text=np.frombuffer(text, np.uint8))
    unfinished.replace(file)


def read_part(file: Path, present: set[str] | None = None) -> Part:
    """A part, of which only the present ids when they are given."""
    with np.load(file, allow_pickle=False) as stored:
        vectors, text = stored["vectors"], stored["text"].tobytes()
    content = json.loads(text)
    if present is not None:
        kept = [number for number, row in enumerate(content["rows"]) if row["id"] in present]
        vectors, content["rows"] = vectors[kept], [content["rows"][number] for number in kept]
        content["skipped"] = {name: why for name, why in content["skipped"].items() if name in present}
    tiles = [
        Tile(
            id=row["id"],
            centre=LonLat(*row["centre"]),
            footprint=shapely.from_wkb(row["footprint"]),
            metres_per_px=row["metres_per_px"],
            source=row["source"],
            window=None if row["window"] is None else Window(*row["window"]),
            image=row["image"],
            placed=row["placed"],
        )
        for row in content["rows"]
    ]
    return Part(tiles, [row["content"] for row in content["rows"]], content["skipped"], vectors)


def known_of(parts: Path) -> tuple[set[str], int, int]:
    """Ids that earlier runs have dealt with, and how many became tiles or were skipped."""
    known: set[str] = set()
    tiles = skipped = 0
    for file in sorted(parts.glob("*.npz")):
        part = read_part(file)
        known |= {tile.id for tile in part.tiles} | part.skipped.keys()
        tiles += len(part.tiles)
        skipped += len(part.skipped)
    return known, tiles, skipped
