"""KML out of a KMZ: a ZIP archive of a stranger, never unpacked beyond bounds and never onto the disk."""

import zipfile
from pathlib import Path

from gallery.errors import PositionsError

MOST_KML_BYTES = 100_000_000


def kml_of_archive(file: Path) -> bytes:
    """The KML in a KMZ: its doc.kml, else the first one.

    Raises:
        PositionsError: it is no ZIP archive with a KML in it, or one that grows beyond bounds.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            chosen = next((name for name in names if name.lower() == "doc.kml"), next(iter(names), None))
            if chosen is None:
                raise PositionsError(f"{file.name} holds no KML: save it again as KML.")
            with archive.open(chosen) as inside:
                data = inside.read(MOST_KML_BYTES + 1)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise PositionsError(f"{file.name} is not a readable KMZ file: save it again as KML.") from error
    if len(data) > MOST_KML_BYTES:
        raise PositionsError(f"{file.name} unpacks to more than {MOST_KML_BYTES // 1_000_000} MB: save a part of it.")
    return data
