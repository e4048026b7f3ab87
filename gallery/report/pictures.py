"""The pictures of a report: where its photos and tiles lie, opened only in folders that somebody named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

from PIL import Image

from gallery.errors import UnreadablePhoto
from gallery.imagery.images import read_picture
from gallery.report.report import Report
from gallery.store.gallery import Gallery

Reader = Callable[[Path, int], Image.Image]
"""What reads a picture file: RGB, upright, its longer side near a number of pixels."""


@dataclass(frozen=True)
class ReportPictures:
    """Photos and tiles by what a report calls them.

    A report is only text, perhaps of somebody else: a path in it that leads out of `folders` is not followed, whether
    by dots, from the root, or through a link.
    """

    folders: tuple[Path, ...]  # without links; photos and a dataset's tiles are looked for in this order
    gallery: Gallery | None = None  # holds the tiles; without one they are files of a dataset
    read: Reader = read_picture  # of photos and a dataset's tiles
    thumbnail: Callable[[str], bytes | None] = lambda query_id: None  # a small picture of a query, where there is one

    @classmethod
    def of(
        cls,
        report_file: str | Path,
        report: Report,
        gallery: Gallery | None = None,
        folders: Sequence[str | Path] = (),
        read: Reader = read_picture,
    ) -> Self:
        """The pictures of a report.

        Args:
            report_file: where the report lies; its folder is searched after `folders`.
            report: what `read_report` made of it.
            gallery: the one that was evaluated; None for a dataset of places.
            folders: that hold the photos, or the dataset that was evaluated.
            read: for formats that Pillow does not read, such as `lambda file, px: embedder.read(file).image`.
        """
        beside = Path(report_file).resolve().parent
        allowed = [*(Path(folder).resolve() for folder in folders), beside]
        root = report.summary.get("root")
        stated = _inside(allowed, beside / root) if isinstance(root, str) else None
        return cls(tuple(dict.fromkeys([*allowed, *([stated] if stated else [])])), gallery, read, report.thumbnail)

    def query(self, row: Any, max_px: int = 384) -> Image.Image:
        """The photo of a row of `Report.rows`, its longer side about `max_px`; if it is gone, the report's small one.

        Raises:
            GalleryError: there is neither, or it cannot be read; the reader may raise errors of its own.
        """
        try:
            file = self.query_file(row)
        except UnreadablePhoto:
            small = self.thumbnail(str(row.id))
            if small is None:
                raise
            return read_picture(BytesIO(small), max_px)
        return self.read(file, max_px)

    def query_file(self, row: Any) -> Path:
        """Where the photo of a row lies.

        Raises:
            UnreadablePhoto: in none of the folders.
        """
        return self._file(str(row.image), str(row.id))

    def tile(self, tile_id: str, max_px: int = 384) -> Image.Image:
        """The picture of a tile, its longer side about `max_px`.

        Raises:
            GalleryError: as `query`.
        """
        if self.gallery is not None:
            return self.gallery.image(self.gallery.tile(self.gallery.row(tile_id)), max_px)
        return self.read(self._file(tile_id), max_px)

    def _file(self, *names: str) -> Path:
        """The first file of these names; a dataset's pictures are also known by their path below its folder."""
        for name in names:
            for folder in self.folders:
                file = _inside(self.folders, folder / name)
                if file and file.is_file():
                    return file
        raise UnreadablePhoto(
            f"The picture {names[0].rpartition('/')[2][:80]} is in none of the folders at hand. "
            "Name the folder of the photos, or of the dataset that was evaluated."
        )


def _inside(folders: Sequence[Path], path: Path) -> Path | None:
    """The path without links; None where it lies in none of the folders, or nothing is there."""
    try:
        real = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # no such file, a zero byte, a name too long, links in a circle
        return None
    return real if any(real.is_relative_to(folder) for folder in folders) else None
