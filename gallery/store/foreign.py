"""Whether a raster shows its own pixels only: one of somebody else's could point at any file of this machine."""

from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pyogrio
from pyogrio.errors import DataSourceError

from gallery.constants import EXACT_INDEX
from gallery.errors import DamagedGallery, SourceError
from gallery.imagery.mosaic import OPTIONS
from gallery.imagery.raster_io import LAYER, NOTES, OWN_PIXELS, driver_of, is_mosaic, open_file
from gallery.paths import is_within
from gallery.store.manifest import TILES, read_manifest

HEADER_BYTES = 4096
VIRTUAL = (b"<VRTDataset", b"<GDAL", b"<OGR")
"""What files that point at others begin with; no picture has it near its start."""


def require_own_pixels(raster: Path, folder: Path) -> None:
    """Refuse a raster that could show what lies outside a folder; an index of tiles must list rasters of the folder.

    Raises:
        DamagedGallery: it is virtual, has notes of GDAL beside it (.aux.xml may name other files), or lists such.
    """
    if is_mosaic(raster):
        for listed in _listed(raster):
            _require_plain(raster.parent / listed, folder)
    else:
        _require_plain(raster, folder)


def _require_plain(raster: Path, folder: Path) -> None:
    if not is_within(raster, folder):
        raise DamagedGallery(f"The gallery names imagery outside its folder ({raster.name}): not opened.")
    refused = DamagedGallery(f"{raster.name} of the gallery may point at files outside its folder: not opened.")
    if driver_of(raster) not in OWN_PIXELS.values() or raster.with_name(f"{raster.name}{NOTES}").exists():
        raise refused
    try:
        open_file(raster).close()
        with raster.open("rb") as file:
            start = file.read(HEADER_BYTES)
    except (OSError, SourceError) as error:
        raise DamagedGallery(f"{raster.name} of the gallery is damaged. Fetch it again.") from error
    if any(mark in start for mark in VIRTUAL):
        raise refused


def _listed(index: Path) -> list[str]:
    """Every text in an index of tiles: its settings may name any column as that of the rasters."""
    refused = DamagedGallery(f"{index.name} of the gallery is no index as this program writes them: not opened.")
    try:
        layers = [str(name) for name in pyogrio.list_layers(index)[:, 0]]
        if layers != [LAYER]:
            raise refused
        options = pyogrio.read_info(index, layer=LAYER)["layer_metadata"] or {}
        table = geopandas.read_file(index, layer=LAYER, engine="pyogrio", ignore_geometry=True)
    except DataSourceError as error:
        raise refused from error
    if not set(options) <= set(OPTIONS):
        raise refused
    return [str(text) for column in table.select_dtypes(exclude="number") for text in table[column]]


def require_own_imagery(folder: Path) -> Path:
    """The folder of somebody else's gallery, unless it would have this machine read files or ask servers of its choice.

    Raises:
        DamagedGallery: its tiles name files elsewhere, its vectors are searched by a server, or it is damaged.
    """
    if (
        read_manifest(folder).get("index", EXACT_INDEX)["kind"] == "milvus"
    ):  # which would be given our token, and photos
        raise DamagedGallery(f"The gallery {folder.name} is searched by somebody's server: not opened.")
    try:
        sources = pq.read_table(folder / TILES, columns=["source"])["source"].unique().to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise DamagedGallery(f"{TILES} of the gallery {folder.name} is damaged. Fetch it again.") from error
    for source in sources:
        if not is_within(folder / str(source), folder):
            raise DamagedGallery(
                f"The gallery names imagery outside its folder ({Path(str(source)).name}): not opened."
            )
        if (folder / str(source)).is_file():
            require_own_pixels(folder / str(source), folder)
    return folder
