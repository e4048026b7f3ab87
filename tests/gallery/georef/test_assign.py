"""Every image's place is settled before anything is embedded; what is unclear is named."""

from pathlib import Path

import pytest

from gallery import build_gallery
from gallery.build.options import BuildOptions
from gallery.build.sources import ImagerySettings
from gallery.errors import PositionsError, UnreadablePhoto
from gallery.geo import LonLat
from gallery.georef.assign import DISAGREEING, OTHER_ZOOM, UNLISTED, WITHOUT, assign_positions
from gallery.georef.file_names import TileNames
from gallery.georef.position_lists import PositionList, StatedPosition
from tests.helpers.builders import FakePosition, write_raster


def settled(images, known=None, names=None, exif=None, **options):
    def read(path: Path):
        if path.name.startswith("broken"):
            raise UnreadablePhoto(f"{path.name} is damaged.")
        return (exif or {}).get(path.name)

    return assign_positions(Path("photos"), images, known, names or TileNames(), read, within_m=100, **options)


def test_names_and_exif_that_agree():
    exif = {"@10@50@.jpg": FakePosition(10.0005, 50), "b.jpg": FakePosition(8, 46)}
    placing = settled(["@10@50@.jpg", "b.jpg", "17/70000/45000.png"], exif=exif)
    assert [*placing.positions] == ["@10@50@.jpg", "b.jpg", "17/70000/45000.png"] and not placing.left_out
    assert placing.positions["@10@50@.jpg"].centre == LonLat(10, 50)
    assert placing.positions["17/70000/45000.png"].footprint is not None


def test_a_list_counts_alone():
    known = PositionList({"@10@50@.jpg": (StatedPosition(LonLat(1, 2)),)})
    assert (
        settled(["@10@50@.jpg"], known, exif={"@10@50@.jpg": FakePosition(9, 9)}).positions["@10@50@.jpg"].centre.lon
        == 1
    )


@pytest.mark.parametrize(
    ("images", "known", "exif", "reason"),
    [
        (["a.jpg"], None, {}, WITHOUT),
        (["a.jpg"], PositionList({"b.jpg": (StatedPosition(LonLat(1, 2)),)}), {}, UNLISTED),
        (["@10@50@.jpg"], None, {"@10@50@.jpg": FakePosition(10.01, 50)}, DISAGREEING),
        (["@500000@5000000@33@S@46@16@.jpg"], None, {}, DISAGREEING),
        (
            ["a.jpg"],
            PositionList({"a.jpg": (StatedPosition(LonLat(1, 2)), StatedPosition(LonLat(1, 3)))}),
            {},
            DISAGREEING,
        ),
    ],
)
def test_what_is_unclear_is_an_error_unless_it_is_skipped(images, known, exif, reason):
    with pytest.raises(PositionsError, match=r"1 of 1 images .*jpg.*--positions FILE.*--unplaced skip"):
        settled(images, known, exif=exif)
    placing = settled(images, known, exif=exif, unplaced="skip")
    assert placing.left_out == {images[0]: reason} and not placing.positions


def test_the_first_few_are_named():
    images = [f"{number}.jpg" for number in range(300)]
    with pytest.raises(PositionsError, match=r"300 of 300 .*: 0\.jpg, 1\.jpg, 2\.jpg, 3\.jpg, 4\.jpg and 295 more\. "):
        settled(images)


def test_what_cannot_be_read_is_no_matter_of_positions():
    placing = settled(["broken.jpg", "broken@10@50@.jpg"])
    assert [*placing.positions] == ["broken@10@50@.jpg"] and not placing.left_out


def test_several_zooms_need_one_to_be_named():
    images = ["16/35000/22500.png", "17/70000/45000.png"]
    with pytest.raises(PositionsError, match=r"zooms 16, 17.*--zoom"):
        settled(images)
    placing = settled(images, names=TileNames(17))
    assert [*placing.positions] == [images[1]] and placing.left_out == {images[0]: OTHER_ZOOM}


def test_a_folder_of_map_tiles_becomes_a_gallery(make_photos, tmp_path, embedder):
    photos = make_photos(4)
    for number in range(4):
        target = tmp_path / "xyz" / "17" / str(70000 + number % 2) / f"{45000 + number // 2}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        (photos / f"{number}.jpg").rename(target)
    gallery = build_gallery(tmp_path / "xyz", tmp_path / "g", embedder)
    assert len(gallery) == 4 and set(gallery.tiles["placed"]) == {"stated extent"}
    west, south, east, _ = gallery.info()["bounds"]
    assert (east - west) / 2 == pytest.approx(360 / 2**17, rel=1e-6)
    flipped = build_gallery(
        tmp_path / "xyz",
        tmp_path / "t",
        embedder,
        options=BuildOptions(stated=ImagerySettings(tile_names=TileNames(tms=True))),
    )
    assert flipped.info()["bounds"][3] == pytest.approx(-south) and flipped.info()["build"]["tms"] is True


def test_a_picture_that_says_where_it_lies_but_not_in_which_crs_is_named(make_photos, tmp_path, embedder):
    photos = make_photos(1)
    (photos / "0.jgw").write_text("1\n0\n0\n-1\n500000\n5000000\n")
    with pytest.raises(PositionsError.__base__, match=r"0\.jpg has no coordinate reference system.*--crs"):
        build_gallery(photos, tmp_path / "g", embedder)
    assert (
        len(
            build_gallery(
                photos, tmp_path / "g", embedder, options=BuildOptions(stated=ImagerySettings(crs="EPSG:32633"))
            )
        )
        == 1
    )


def test_a_list_is_asked_about_georeferenced_images_too(tmp_path, embedder):
    write_raster(tmp_path / "maps" / "a.tif")
    (tmp_path / "list.csv").write_text("file,lon,lat\na.tif,1,2\n")
    gallery = build_gallery(tmp_path / "maps", tmp_path / "g", embedder, positions=tmp_path / "list.csv")
    assert len(gallery) == 1 and gallery.tile(0).centre == LonLat(1, 2)
