"""University-1652: the layout under both names, its traps, and positions from KML."""

from pathlib import Path

import pytest

from gallery.geo import LonLat, distance_m
from tests.helpers.dataset_files import images, lay, unanswered, university
from train_scripts.data.readers.dataset import by_place, read_picture
from train_scripts.data.readers.university1652 import read_university1652, unknown_folders
from train_scripts.data.simulator.make_dataset import Size, make_university1652, write_csv, write_kml
from train_scripts.errors import BadPositions, BadRequest, MissingPart, WrongFolder


def test_a_procedural_release_reads_as_the_real_one(tmp_path: Path) -> None:
    truth = make_university1652(
        tmp_path / "download", Size(2, 2, 1, views=2, size_px=32), release_name=True, street=True
    )
    data = read_university1652(tmp_path / "download")
    assert data.notes == ()
    assert data.classes == ("0002", "0003")
    assert {place: len(of) for place, of in by_place(data.queries, "drone").items()} == {"0000": 3, "0001": 2}
    assert {one.kind for one in (*data.train, *data.queries, *data.gallery)} == {"drone", "satellite"}
    paper, full = (data.retrieval("drone-to-satellite", protocol) for protocol in ("paper", "full"))
    assert (len(paper.queries), paper.ranked, full.ranked) == (5, 2, 3)
    back = data.retrieval("satellite-to-drone", "paper")
    assert (len(back.queries), back.ranked, len(back.gallery)) == (2, 5, 7)
    for one in (*data.train, *data.gallery):
        assert one.position is not None and distance_m(one.position, truth[one.place]) < 0.01
    assert read_picture(data.queries[0]).size == (32, 32)

    every = read_university1652(
        tmp_path / "download" / "University-Release", kinds=("drone", "satellite", "street", "google")
    )
    assert every.notes == ("Skipped in train/google: 1 empty folder.",)
    assert {one.kind for one in every.train} == {"drone", "satellite", "street", "google"}
    assert len(every.retrieval("street-to-satellite").queries) == 4


def test_pictures_come_sorted_and_without_what_is_no_picture(tmp_path: Path) -> None:
    root = university(tmp_path / "University-1652")
    for name in ("._image-01.jpeg", ".DS_Store", "Thumbs.db", "notes.txt"):
        (root / "test/query_drone/0001" / name).touch()
    (root / "test/query_drone/loose.jpeg").touch()
    data = read_university1652(root)
    names = [one.file.name for one in by_place(data.queries, "drone")["0001"]]
    assert names == images(54)
    assert [one.place for one in data.gallery if one.kind == "satellite"] == ["0000", "0001", "0900"]
    assert len(by_place(data.queries, "drone")["0000"]) == 55


def test_a_lost_picture_is_simply_not_there(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    (root / "test/query_drone/0000/image-55.jpeg").unlink()
    assert len(read_university1652(root).retrieval().queries) == 2 * 54


def test_half_a_dataset_says_what_it_cannot_do(tmp_path: Path) -> None:
    root = lay(tmp_path / "u", {"test/query_drone": {"0000": images(2)}, "test/gallery_satellite": {"0000": ["a.jpg"]}})
    data = read_university1652(root)
    assert "train/drone is missing." in data.notes
    assert len(data.retrieval("drone-to-satellite").gallery) == 1
    with pytest.raises(MissingPart, match="no satellite picture in the query"):
        data.retrieval("satellite-to-drone")
    with pytest.raises(MissingPart, match="no training place"):
        data.training_pairs()


def test_a_query_without_its_tile_stays_a_query(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    (root / "test/gallery_satellite/0001/0001.jpg").unlink()
    task = read_university1652(root).retrieval()
    assert len(task.queries) == 55 + 54
    assert unanswered(task) == {"0001"}


def test_wrong_folders_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WrongFolder, match="There is no folder nothing"):
        read_university1652(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongFolder, match="empty holds no University-1652") as told:
        read_university1652(tmp_path / "empty")
    assert str(tmp_path) not in str(told.value)
    root = university(tmp_path / "data" / "University-Release")
    with pytest.raises(WrongFolder, match="Give University-Release"):
        read_university1652(root / "test")
    university(tmp_path / "data" / "University-1652")
    with pytest.raises(WrongFolder, match="more than one copy"):
        read_university1652(tmp_path / "data")
    other = lay(tmp_path / "images", {"train/cats": {"1": ["a.jpg"]}})
    with pytest.raises(WrongFolder, match="none of the views"):
        read_university1652(other)
    with pytest.raises(BadRequest, match="no view balloon"):
        read_university1652(root, kinds=("balloon",))  # type: ignore[arg-type]


def test_unknown_folders_are_named(tmp_path: Path) -> None:
    root = lay(university(tmp_path / "u"), {"test/gallery_satellite_usa_un": {"1": []}, "test/4K_drone": {"1": []}})
    assert unknown_folders(root) == ["test/gallery_satellite_usa_un"]


WHERE = LonLat(151.19, -33.88)


def test_kml_names_a_place_by_id_number_or_building(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    (root / "new_name_list.txt").write_text("0001 Bibliothèque, University\n0900 Hall\n0003 Twin\n0002 Twin\n", "utf-8")
    marks = {
        "0000": WHERE,
        "Bibliothèque, University": LonLat(1, 2),
        "900": LonLat(3, 4),
        "Twin": LonLat(5, 6),
        "Elsewhere": LonLat(7, 8),
    }
    write_kml(root / "lat lon.kml", marks)
    write_kml(root / "Flight Path.kml", {"0002": LonLat(9, 9)})  # not asked
    data = read_university1652(root)
    positions = {one.place: one.position for one in (*data.train, *data.gallery)}
    assert positions == {"0000": WHERE, "0001": LonLat(1, 2), "0900": LonLat(3, 4), "0002": None, "0003": None}
    assert "2 of 5 places have no position in lat lon.kml." in data.notes
    assert "2 names in lat lon.kml belong to no place here, such as Twin." in data.notes


def test_positions_may_be_named(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    write_csv(tmp_path / "elsewhere.csv", {"0000": WHERE, "2": LonLat(1, 2)})
    data = read_university1652(root, positions=tmp_path / "elsewhere.csv")
    assert {one.position for one in data.train if one.place == "0002"} == {LonLat(1, 2)}
    for name in ("one.kml", "two.kml"):
        write_kml(root / name, {"0000": WHERE})
    unsure = read_university1652(root)
    assert all(one.position is None for one in unsure.gallery)
    assert any("more than one file of positions (one.kml, two.kml)" in note for note in unsure.notes)
    write_kml(root / "one.kml", {"Somewhere": WHERE})
    with pytest.raises(BadPositions, match="names no place of the dataset"):
        read_university1652(root, positions=root / "one.kml")
    (root / "one.kml").write_text("<kml>")
    with pytest.raises(BadPositions, match=r"one\.kml"):
        read_university1652(root, positions=root / "one.kml")
