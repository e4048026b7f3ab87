"""A gallery as format 1 was: one group of rows, without the later columns, and a manifest that notes less."""

import json
import shutil
from pathlib import Path

import geopandas

from gallery.store.manifest import INDEX, MANIFEST, TILES, VECTORS, file_facts
from gallery.store.tile_table import LATER


def as_format_1(gallery: Path, folder: Path) -> Path:
    """Write what format 1 held of a gallery of one raster into a new folder, and its raster. Returns: the folder."""
    manifest = json.loads((gallery / MANIFEST).read_text(encoding="utf-8"))
    folder.mkdir()
    for name in (VECTORS, INDEX, *manifest["build"]["sources"]):
        shutil.copyfile(gallery / name, folder / name)
    table = geopandas.read_parquet(gallery / TILES)
    table.drop(columns=[name for name in LATER if name in table]).to_parquet(folder / TILES, index=False)
    build = {name: manifest["build"][name] for name in ("tile_size_m", "overlap", "sources", "positions")}
    kept = {name: manifest[name] for name in ("model", "tiles", "skipped")}
    kept["model"].pop("precision", None)
    files = {
        name: {"bytes": facts["bytes"], "sha256": facts["sha256"]}
        for name, facts in file_facts(folder, (TILES, VECTORS, INDEX)).items()
    }
    old = {"format": 1, **kept, "build": build, "files": files}
    (folder / MANIFEST).write_text(json.dumps(old, indent=2), encoding="utf-8")
    return folder
