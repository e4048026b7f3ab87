"""Pictures of a report are found where they may lie, and nothing outside is opened."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from gallery import Gallery, build_gallery
from gallery.errors import GalleryError, UnreadablePhoto
from gallery.report.pictures import ReportPictures
from gallery.report.report import QueryRow, Report, read_report, write_report

PHOTO, TILE = "test/query_drone/0001/image-01.jpg", "test/gallery_satellite/0001/0001.jpg"


def save(file: Path, colour: str, side_px: int = 40) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side_px, side_px), colour).save(file, quality=95)
    return file


def colour(image: Image.Image) -> str:
    red, green, _ = image.getpixel((5, 5))  # type: ignore[misc]
    return "red" if red > 150 else "green" if green > 100 else "blue"


@pytest.fixture
def dataset(tmp_path) -> Path:
    """A dataset's folder, and a report of it two folders away."""
    save(tmp_path / "data" / PHOTO, "red")
    save(tmp_path / "data" / TILE, "green")
    (tmp_path / "runs" / "first").mkdir(parents=True)
    file = tmp_path / "runs" / "first" / "report.parquet"
    write_report(file, [QueryRow(PHOTO, f"../../data/{PHOTO}", [TILE], [0.5])], {"root": "../../data"})
    return tmp_path


def opened(place: Path, *folders: Path) -> tuple[ReportPictures, pd.Series]:
    file = place / "runs" / "first" / "report.parquet"
    report = read_report(file)
    return ReportPictures.of(file, report, folders=folders), report.rows.iloc[0]


def test_a_datasets_pictures_are_found_below_the_folder_that_was_named(dataset):
    pictures, row = opened(dataset, dataset / "data")
    assert (colour(pictures.query(row)), colour(pictures.tile(TILE))) == ("red", "green")
    assert max(pictures.query(row, 16).size) == 16


def test_a_report_alone_opens_nothing_beyond_its_folder(dataset):
    pictures, row = opened(dataset)
    for ask in (lambda: pictures.query(row), lambda: pictures.tile(TILE)):
        with pytest.raises(UnreadablePhoto, match=r"is in none of the folders at hand.*Name the folder") as error:
            ask()
        assert str(dataset) not in str(error.value)


def test_a_dataset_that_moved_is_found_by_what_its_pictures_are_called(dataset):
    (dataset / "data").rename(dataset / "elsewhere")
    pictures, row = opened(dataset, dataset / "elsewhere")
    assert (colour(pictures.query(row)), colour(pictures.tile(TILE))) == ("red", "green")


def test_a_dataset_within_the_reports_folder_needs_no_name(dataset):
    (dataset / "data").rename(dataset / "runs" / "first" / "data")
    file = dataset / "runs" / "first" / "report.parquet"
    write_report(file, [QueryRow(PHOTO, f"data/{PHOTO}", [TILE], [0.5])], {"root": "data"})
    pictures, row = opened(dataset)
    assert (colour(pictures.query(row)), colour(pictures.tile(TILE))) == ("red", "green")


def test_the_named_folder_comes_before_the_reports(dataset):
    save(dataset / "runs" / "first" / TILE, "blue")
    pictures, _ = opened(dataset, dataset / "data")
    assert colour(pictures.tile(TILE)) == "green"


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "{root}/secret.jpg", "link.jpg", "linked/secret.jpg", "a\0b", "x" * 5000, "", ".", "loop", "~"],
)
def test_no_name_leads_outside(dataset, name):
    save(dataset / "secret.jpg", "blue")
    data = dataset / "data"
    os.symlink(dataset / "secret.jpg", data / "link.jpg")
    os.symlink(dataset, data / "linked")
    os.symlink(data / "loop", data / "loop")
    pictures, row = opened(dataset, data)
    name = name.format(root=dataset)
    with pytest.raises(UnreadablePhoto):
        pictures.tile(name)
    row = row.copy()
    row["image"] = row["id"] = name
    with pytest.raises(UnreadablePhoto):
        pictures.query_file(row)


@pytest.mark.parametrize("root", ["/", "../..", None, 7, "a\0b"])
def test_a_root_that_the_report_claims_gives_no_leave(dataset, root):
    file = dataset / "runs" / "first" / "report.parquet"
    report = Report(read_report(file).rows, {"root": root})
    with pytest.raises(UnreadablePhoto):
        ReportPictures.of(file, report).tile(TILE)


def test_the_reports_small_picture_stands_for_a_photo_that_is_gone(dataset):
    file = dataset / "runs" / "first" / "report.parquet"
    small = save(dataset / "small.jpg", "blue", 20).read_bytes()
    rows = [QueryRow(PHOTO, f"../../data/{PHOTO}", [], [], thumbnail=small), QueryRow("b", "b", [], [], thumbnail=b"?")]
    write_report(file, rows, {"root": "../../data"})
    pictures, row = opened(dataset)
    assert colour(pictures.query(row)) == "blue" and pictures.query(row).size == (20, 20)
    with pytest.raises(UnreadablePhoto):
        pictures.query_file(row)
    with pytest.raises(GalleryError, match="A picture cannot be shown"):
        pictures.query(read_report(file).rows.iloc[1])
    assert colour(opened(dataset, dataset / "data")[0].query(row)) == "red"


def test_another_reader_may_be_given(dataset):
    file = dataset / "runs" / "first" / "report.parquet"
    report = read_report(file)
    asked = []

    def read(path: Path, max_px: int) -> Image.Image:
        asked.append((path.name, max_px))
        return Image.new("RGB", (5, 5))

    pictures = ReportPictures.of(file, report, folders=[dataset / "data"], read=read)
    pictures.query(report.rows.iloc[0], 77), pictures.tile(TILE, 88)
    assert asked == [("image-01.jpg", 77), ("0001.jpg", 88)]


def test_tiles_of_a_gallery_and_photos_in_a_folder(tmp_path, make_raster, make_photos, embedder):
    build_gallery([make_raster()], tmp_path / "tiles", embedder, tile_size_m=60)
    gallery = Gallery.open(tmp_path / "tiles")
    photos = make_photos(1)
    name = gallery.tile(3).id
    file = tmp_path / "reports" / "report.parquet"
    file.parent.mkdir()
    write_report(file, [QueryRow("q", "0.jpg", [name], [0.5])], {})
    report = read_report(file)
    (row,) = report.rows.itertuples(index=False)
    pictures = ReportPictures.of(file, report, gallery, [photos])
    assert pictures.tile(name, 50).tobytes() == gallery.image(gallery.tile(3), 50).tobytes()
    assert pictures.query(row, 60).size == (60, 60)
    with pytest.raises(GalleryError, match="no tile of that name"):
        pictures.tile("none")
    with pytest.raises(UnreadablePhoto, match=r"0\.jpg"):
        ReportPictures.of(file, report, gallery).query(row)
    shutil.copy(photos / "0.jpg", file.parent)
    assert ReportPictures.of(file, report, gallery).query(row).size == (96, 96)
    (file.parent / "0.jpg").write_bytes(b"no picture")
    with pytest.raises(GalleryError, match="damaged"):
        ReportPictures.of(file, report, gallery).query(row)
