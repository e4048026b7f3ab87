"""Plain folders per place: three layouts with one meaning, splits by name, positions."""

from pathlib import Path

import pytest

from gallery.geo import LonLat, distance_m
from tests.helpers.dataset_files import distractors, lay, unanswered
from train_scripts.data.readers.folders import read_folders
from train_scripts.data.simulator.make_dataset import Size, make_folders
from train_scripts.errors import BadPositions, WrongFolder

FACTS = {
    ("drone", "school", "1.jpg"),
    ("drone", "school", "2.jpg"),
    ("drone", "mill", "1.jpg"),
    ("satellite", "school", "s.png"),
    ("satellite", "mill", "s.png"),
    ("satellite", "pond", "s.png"),
}


def place_first(root: Path) -> Path:
    for kind, place, name in FACTS:
        lay(root, {place: {kind: [name]}})
    return root


def view_first(root: Path) -> Path:
    for kind, place, name in FACTS:
        lay(root, {{"drone": "UAV", "satellite": "sat"}[kind]: {place: [name]}})
    return root


def below_test(root: Path) -> Path:
    for kind, place, name in FACTS:
        lay(root, {f"test/{kind}": {place: [name]}})
    return root


@pytest.mark.parametrize("layout", [place_first, view_first, below_test])
def test_layouts_mean_the_same(tmp_path: Path, layout) -> None:
    data = read_folders(layout(tmp_path / "mine"))
    assert data.name == "mine"
    assert {(one.kind, one.place, one.file.name) for one in data.gallery} == FACTS
    assert {(one.kind, one.place, one.file.name) for one in data.queries} == {f for f in FACTS if f[1] != "pond"}
    assert distractors(data.retrieval("drone-to-satellite", "full")) == {"pond"}
    assert data.retrieval("satellite-to-drone", "full").ranked == 3


def test_a_lone_tile_needs_no_folder(tmp_path: Path) -> None:
    root = lay(tmp_path / "mine", {"drone": {"a": ["1.jpg"], "b.c": ["1.jpg"]}, "satellite": {}})
    (root / "satellite").mkdir()
    for name in ("a.png", "b.c.png", "notes.txt"):
        (root / "satellite" / name).touch()
    task = read_folders(root).retrieval()
    assert task.places == ("a", "b.c")
    assert not unanswered(task)


def test_a_photo_without_its_tile_is_counted(tmp_path: Path) -> None:
    data = read_folders(lay(tmp_path / "m", {"drone": {"a": ["1.jpg"], "b": ["1.jpg"]}, "satellite": {"a": ["s.png"]}}))
    assert data.notes == ("1 places have no satellite picture, such as b.",)
    assert unanswered(data.retrieval()) == {"b"}


@pytest.mark.parametrize(("layout", "positions"), [("split", "csv"), ("place-first", "kml")])
def test_a_procedural_copy_reads_with_positions(tmp_path: Path, layout, positions) -> None:
    truth = make_folders(tmp_path / "d", Size(1, 1, 1, 2, size_px=32), layout=layout, positions=positions)
    data = read_folders(tmp_path / "d")
    for one in (*data.train, *data.gallery):
        assert one.position is not None and distance_m(one.position, truth[one.place]) < 0.01
    assert data.classes == (("place-2",) if layout == "split" else ())
    assert len(distractors(data.retrieval(protocol="full"))) == 1


def test_positions_by_place_or_by_file(tmp_path: Path) -> None:
    root = place_first(tmp_path / "m")
    (root / "positions.csv").write_text(
        "File;Longitude;Latitude\nschool/1.jpg;7,5;51\n".replace(",", ".") + "school/2.jpg;8;52\n"
    )
    at = {(one.place, one.file.stem): one.position for one in read_folders(root).gallery}
    assert at["school", "1"] == LonLat(7.5, 51) == at["school", "s"]
    assert at["school", "2"] == LonLat(8, 52)
    assert at["mill", "1"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("place,lat\nmill,3\n", "needs the columns place"),
        ("place,lon,lat\nmill,3,x\n", "line 2: lon or lat is not a number"),
        ("place,lon,lat\nmill,3,100\n", "line 2: Latitude 100"),
        ("place,lon,lat\nmill,3,\n", "line 2: lon or lat is not a number"),
        ("place,lon,lat\n,3,4\n", "line 2 names no place"),
        ("place,lon,lat\nmoon,3,4\n", "names no place of the dataset"),
        ("place,lon,lat\n", "lists no position"),
        ("", "needs the columns"),
    ],
)
def test_a_bad_table_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    root = place_first(tmp_path / "m")
    (root / "positions.csv").write_text(text)
    with pytest.raises(BadPositions, match=said):
        read_folders(root)


def test_files_of_positions_of_another_make(tmp_path: Path) -> None:
    root = place_first(tmp_path / "m")
    with pytest.raises(BadPositions, match=r"no file nothing\.csv"):
        read_folders(root, positions=tmp_path / "nothing.csv")
    (root / "p.xlsx").touch()
    with pytest.raises(BadPositions, match=r"neither \.kml nor \.csv"):
        read_folders(root, positions=root / "p.xlsx")
    (root / "p.csv").write_bytes(b"place,lon,lat\nM\x81hle,3,4\n")
    with pytest.raises(BadPositions, match="not UTF-8"):
        read_folders(root, positions=root / "p.csv")


def test_a_folder_without_places_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.jpg").touch()
    with pytest.raises(WrongFolder, match="Put pictures into"):
        read_folders(tmp_path / "flat")
    with pytest.raises(WrongFolder, match="There is no folder gone"):
        read_folders(tmp_path / "gone")
