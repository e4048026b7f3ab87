"""Positions: lists in CSV and KML."""

import zipfile
from pathlib import PurePosixPath

import pytest

from gallery.errors import PositionsError
from gallery.geo import LonLat
from gallery.georef.position_lists import decimal, read_positions


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/b.jpg"):
        (root / name).touch()
    return root


def listed(folder, text, name="places.csv"):
    file = folder.parent / name
    file.write_text(text, "utf-8")
    return read_positions(file, folder)


def test_points_and_extents(folder):
    known = listed(folder, "file,lon,lat,west,south,east,north\na.jpg,10,50,,,,\nsub/b.jpg,,,1,2,3,4\n")
    assert known.of(PurePosixPath("a.jpg")).centre == LonLat(10, 50)
    place = known.of(PurePosixPath("sub/b.jpg"))
    assert place.centre == LonLat(2, 3) and place.footprint.bounds == (1, 2, 3, 4)
    assert known.of(PurePosixPath("c.jpg")) is None


@pytest.mark.parametrize(
    "header",
    [
        "file,lat,lon,lat_n,lon_w,lat_s,lon_e",
        "Filename; Latitude; Longitude; north; west; south; east",
        "image\ty\tlat\tlong\tmax_lat\tmin_lon\tmin_lat\tmax_lon",
    ],
)
def test_other_headers_and_separators(folder, header):
    values = {"y": "0", "lat": "50", "latitude": "50", "lon": "10", "longitude": "10", "long": "10"}
    values |= dict.fromkeys(("lat_n", "north", "max_lat"), "51") | dict.fromkeys(("lat_s", "south", "min_lat"), "49")
    values |= dict.fromkeys(("lon_w", "west", "min_lon"), "9") | dict.fromkeys(("lon_e", "east", "max_lon"), "11")
    separator = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in header.split(separator)]
    row = separator.join(["a.jpg", *(values[name] for name in names[1:])])
    place = listed(folder, f"\ufeff{header}\n{row}\n").of(PurePosixPath("a.jpg"))
    assert place.footprint.bounds == (9, 49, 11, 51) and place.centre == LonLat(10, 50)


def test_paths_from_the_folder_or_from_the_list(folder):
    known = listed(folder, "file,lon,lat\nphotos/a.jpg,1,2\nsub\\b.jpg,3,4\n")
    assert known.of(PurePosixPath("a.jpg")).centre == LonLat(1, 2)
    assert known.of(PurePosixPath("sub/b.jpg")).centre == LonLat(3, 4)


def test_rows_without_a_position_are_counted(folder):
    assert listed(folder, "file,lon,lat\na.jpg,1,2\nsub/b.jpg,,\n").unplaced == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,x,y\na.jpg,1,2\n", "file,lon,lat"),
        ("", "file,lon,lat"),
        ("file,lon,lat,west\na.jpg,1,2,3\n", "south, east, north are missing"),
        ('file,lon,lat\na.jpg,"8,5,1",50\n', "line 2: lon is not a number"),
        ("file,lon,lat\na.jpg,nan,50\n", "line 2: lon is not a number"),
        ("file,lon,lat\na.jpg,1,2\nb.jpg,50,100\n", "line 3: Latitude 100"),
        ("file,lon,lat,west,south,east,north\na.jpg,1,2,0,5,1,4\n", "line 2: South"),
        ("file,lon,lat,west,south,east,north\na.jpg,1,2,1,1,1,4\n", "no area"),
        ("file,lon,lat\n", "lists no image"),
    ],
)
def test_faults_are_named_with_their_line(folder, text, complaint):
    with pytest.raises(PositionsError, match=complaint):
        listed(folder, text)


def test_an_extent_may_cross_the_180th_meridian(folder):
    text = "file,lon,lat,west,south,east,north\na.jpg,180,0,179.9,-1,-179.9,1\n"
    place = listed(folder, text).of(PurePosixPath("a.jpg"))
    assert place.footprint.bounds == pytest.approx((179.9, -1, 180.1, 1)) and abs(place.centre.lon) == 180


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Folder><name>one</name><Placemark><name>a</name><Point><coordinates>10,50,0</coordinates></Point></Placemark></Folder>
<Folder><name>two</name><Placemark><name>b.jpg</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
1,1 2,1 2,2 1,2 1,1</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Folder></Document></kml>"""


def test_kml_placemarks_by_stem_or_name(folder):
    known = listed(folder, KML, "places.kml")
    assert known.of(PurePosixPath("a.jpg")).centre == LonLat(10, 50)
    place = known.of(PurePosixPath("sub/b.jpg"))
    assert place.centre == LonLat(1.5, 1.5) and place.footprint.bounds == (1, 1, 2, 2)


def test_kml_of_university_1652_names_folders_by_number_or_building(folder):
    mark = "<Placemark><name>{}</name><Point><coordinates>{},{},0</coordinates></Point></Placemark>"
    marks = [("7", 10, 50), ("0008 Library, Somewhere", 11, 50), ("Great Hall", 12, 50), ("Twin", 13, 50)]
    (folder.parent / "new_name_list.txt").write_text("0009 Great hall\n0010 Twin\n0011 Twin\n")
    known = listed(
        folder, KML[: KML.index("<Folder>")] + "".join(mark.format(*m) for m in marks) + "</Document></kml>", "u.kml"
    )
    found = {
        number: known.of(PurePosixPath(f"query_satellite/{number}/{number}.jpg")) for number in ("0007", "0008", "0009")
    }
    assert [place.centre.lon for place in found.values()] == [10, 11, 12]
    assert known.of(PurePosixPath("gallery_drone/0008/image-01.jpeg")) == found["0008"]
    assert known.of(PurePosixPath("0010/0010.jpg")) is None


def test_a_list_that_repeats_itself_tells_all_that_it_said(folder):
    known = listed(folder, "file,lon,lat\na.jpg,10,50\na.jpg,10,50\nsub/b.jpg,1,2\nsub/b.jpg,1,3\n")
    assert [len(known.all_of(PurePosixPath(name))) for name in ("a.jpg", "sub/b.jpg", "c.jpg")] == [1, 2, 0]


def test_broken_lists(folder, tmp_path):
    with pytest.raises(PositionsError, match="not a readable KML"):
        listed(folder, "no markup", "places.kml")
    with pytest.raises(PositionsError, match=r"neither \.csv nor \.kml nor"):
        listed(folder, "x", "places.doc")
    with pytest.raises(PositionsError, match="no file"):
        read_positions(tmp_path / "absent.csv", folder)
    (tmp_path / "latin.csv").write_bytes(b"file,lon,lat\n\x81,1,2\n")
    with pytest.raises(PositionsError, match="UTF-8"):
        read_positions(tmp_path / "latin.csv", folder)
    (tmp_path / "odd.csv").write_bytes(b"file,lon,lat\na.jpg,1,2\n\0")
    with pytest.raises(PositionsError, match="UTF-8"):
        read_positions(tmp_path / "odd.csv", folder)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize(
    "text",
    ["file;lon;lat\nä.jpg;7,5;-47,25\n", 'file,lon,lat\nä.jpg,"7,5","-47,25"\n', "file\tlon\tlat\nä.jpg\t7.5\t-47,25"],
)
def test_what_spreadsheets_save(folder, tmp_path, encoding, text):
    (tmp_path / "list.csv").write_bytes(text.encode(encoding))
    place = read_positions(tmp_path / "list.csv", folder).of(PurePosixPath("ä.jpg"))
    assert place is not None and (place.centre.lon, place.centre.lat) == (7.5, -47.25)


@pytest.mark.parametrize("number", ["1.234,5", "1,2,3", "inf", "", "sieben"])
def test_a_number_that_is_not_clear_is_refused(number):
    with pytest.raises(ValueError, match=r".*"):
        decimal(number)


@pytest.mark.parametrize(
    "text", ["file,lon,lat\n" + "a" * 200_000 + ",1,2\n", 'file,lon,lat\n"a,1,2\n' + "b.jpg,1,2\n" * 20_000]
)
def test_a_cell_without_end_is_a_sentence(folder, text):
    (folder / "long.csv").write_text(text)
    with pytest.raises(PositionsError, match="too long"):
        read_positions(folder / "long.csv", folder)


def test_a_header_without_end_is_a_sentence(folder):
    (folder / "long.csv").write_text("f" * 200_000)
    with pytest.raises(PositionsError, match="too long"):
        read_positions(folder / "long.csv", folder)


def test_a_kmz_and_placemarks_of_several_shapes(folder):
    outline = (
        "<Polygon><outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    )
    square = outline.format("1,1 2,1 2,2 1,2 1,1")
    pin, other = (
        "<Point><coordinates>1.2,1.4</coordinates></Point>",
        "<Point><coordinates>1.4,1.4</coordinates></Point>",
    )
    shapes = {"area": square + pin, "pins": pin + other, "two": square + outline.format("5,1 6,1 6,2 5,2 5,1")}
    marks = "".join(
        f"<Placemark><name>{name}</name><MultiGeometry>{parts}</MultiGeometry></Placemark>"
        for name, parts in shapes.items()
    )
    with zipfile.ZipFile(folder / "p.kmz", "w") as archive:
        archive.writestr("doc.kml", KML[: KML.index("<Folder>")] + marks + "</Document></kml>")
    known = read_positions(folder / "p.kmz", folder)
    area, pins, two = (known.of(PurePosixPath(f"{name}.jpg")) for name in shapes)
    assert area.footprint is not None and (area.centre.lon, area.centre.lat) == (1.5, 1.5)
    assert pins.footprint is None and pins.centre.lon == pytest.approx(1.3)
    assert two.footprint is None and two.centre.lon == pytest.approx(3.5), "the middle of both"
