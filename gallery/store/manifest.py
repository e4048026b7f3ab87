"""gallery.json: the names and checksums of a gallery's files, and the folder that is read."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gallery.constants import EXACT_INDEX
from gallery.errors import DamagedGallery, NotAGallery
from gallery.store.checksums import are_checksums, checksums_of, is_sealed

FORMAT = 3
"""Version of the layout on disk that is written; all from 1 on are read, later ones are refused. Of formats 1 and 2 the
picture of a tile is its window or image as it is."""


MANIFEST, TILES, VECTORS, INDEX = "gallery.json", "tiles.parquet", "vectors.npy", "index.faiss"


DATA_FILES = (TILES, VECTORS, INDEX)
"""The files of data; a gallery whose vectors are searched by Milvus has no index among them."""


FILES = (MANIFEST, *DATA_FILES)


def standing_folder(folder: Path) -> Path:
    """The folder to read: the named one, or what a build that was killed at the moment of the exchange left aside."""
    if not (folder / MANIFEST).is_file() and (aside(folder, "previous") / MANIFEST).is_file():
        return aside(folder, "previous")
    return folder


def aside(folder: Path, role: str) -> Path:
    """The neighbour of a gallery's folder for a role: "building" or "previous"."""
    full = folder.absolute()
    return full.with_name(f"{full.name}.{role}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """gallery.json of a folder.

    Raises:
        NotAGallery: there is none, or of a later format.
        DamagedGallery: it cannot be read.
    """
    name = folder.absolute().name
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotAGallery(
            f"{name} is no gallery: it has no {MANIFEST}. Build one with: python -m gallery build SOURCE --out {name}"
        ) from error
    except (OSError, ValueError) as error:
        raise DamagedGallery(f"{MANIFEST} of {name} is damaged. Build the gallery again.") from error
    if not isinstance(manifest, dict) or type(manifest.get("format")) is not int:
        raise DamagedGallery(f"{MANIFEST} of {name} is damaged. Build the gallery again.")
    if not is_sealed(manifest):
        raise DamagedGallery(f"{MANIFEST} of {name} was changed or damaged. Build the gallery again.")
    if not 1 <= manifest["format"] <= FORMAT:
        raise NotAGallery(
            f"{name} has gallery format {manifest['format']}; this version reads 1 to {FORMAT}. Build it again."
        )
    if not _is_complete(manifest):
        raise DamagedGallery(f"{MANIFEST} of {name} lacks entries. Build the gallery again.")
    return manifest


def _is_complete(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest has every entry that is read, each of its type."""
    tops = {"files": dict, "model": dict, "build": dict, "skipped": dict, "tiles": int}
    if not all(type(manifest.get(key)) is kind for key, kind in tops.items()) or manifest["tiles"] < 0:
        return False
    index = manifest.get("index", EXACT_INDEX)
    if not (isinstance(index, dict) and type(index.get("kind")) is str):
        return False
    model, files = manifest["model"], [manifest["files"].get(name) for name in data_files(manifest)]
    return (
        all(type(model.get(key)) is str for key in ("fingerprint", "name", "source"))
        and type(model.get("dimension")) is int
        and all(map(are_checksums, files))
        and isinstance(manifest.get("imagery", {}), dict)
    )


def data_files(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of DATA_FILES that a gallery has."""
    return DATA_FILES[:2] if manifest.get("index", EXACT_INDEX)["kind"] == "milvus" else DATA_FILES


def file_facts(folder: Path, names: Iterable[str] = DATA_FILES) -> dict[str, dict[str, Any]]:
    """Sizes and checksums of files of a folder, by their names."""
    return {name: checksums_of(folder / name) for name in names}
