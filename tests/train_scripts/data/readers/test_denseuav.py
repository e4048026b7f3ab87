"""DenseUAV: three heights, old and new tiles, positions with longitude first."""

from pathlib import Path

import pytest

from gallery.geo import LonLat, distance_m
from tests.helpers.dataset_files import lay
from train_scripts.data.readers.denseuav import read_denseuav
from train_scripts.data.simulator.make_dataset import Size, make_denseuav
from train_scripts.errors import BadPositions, BadRequest, MissingPart, WrongFolder


def test_a_procedural_copy_reads_with_true_positions(tmp_path: Path) -> None:
    truth = make_denseuav(tmp_path / "d", Size(train=2, test=2, size_px=32))
    data = read_denseuav(tmp_path / "d")
    assert data.notes == ()
    for one in (*data.train, *data.queries, *data.gallery):
        assert one.position is not None and distance_m(one.position, truth[one.place]) < 0.01
        assert one.altitude_m in (80, 90, 100)
    assert len(data.train) == 2 * (3 + 6)
    paper, full = (data.retrieval("drone-to-satellite", protocol) for protocol in ("paper", "full"))
    assert (len(paper.queries), paper.ranked, full.ranked) == (6, 12, 24)
    for pair in data.training_pairs():
        assert {one.file.stem.removesuffix("_old") for one in pair.satellites} == {pair.drone.file.stem}
        assert len(pair.satellites) == 2
    positions = {one.position for one in data.gallery}
    assert len(positions) == 4
    assert min(distance_m(a, b) for a in positions for b in positions if a and b and a != b) > 30

    (tmp_path / "d" / "Dense_GPS_ALL.txt").unlink()  # the two halves tell the same
    assert read_denseuav(tmp_path / "d").gallery == data.gallery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tiles = [f"H{height}{year}.tif" for height in (80, 90, 100) for year in ("", "_old")]
    drones = [f"H{height}.JPG" for height in (80, 90, 100)]
    parts: dict[str, dict[str, list[str]]] = {}
    for part, places in (("train/", ["000001"]), ("test/query_", ["000002"]), ("test/gallery_", ["000001", "000002"])):
        parts[f"{part}drone"] = dict.fromkeys(places, drones)
        parts[f"{part}satellite"] = dict.fromkeys(places, tiles)
    return lay(tmp_path / "DenseUAV", parts)


def test_tiles_of_one_year_and_pictures_of_one_height(root: Path) -> None:
    assert {one.file.name for one in read_denseuav(root, tiles="old").gallery if one.kind == "satellite"} == {
        "H80_old.tif",
        "H90_old.tif",
        "H100_old.tif",
    }
    new = read_denseuav(root, tiles="new", height=90)
    assert {one.file.name for one in new.gallery} == {"H90.JPG", "H90.tif"}
    with pytest.raises(BadRequest, match="no young tiles"):
        read_denseuav(root, tiles="young")  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="no height 85"):
        read_denseuav(root, height=85)


def test_longitude_stands_first_and_letters_count(root: Path) -> None:
    (root / "Dense_GPS_ALL.txt").write_text(
        "train/drone/000001/H80.JPG E120.387 N30.324 92.5\ntest/query_drone/000002/H90.JPG S33.5 W70.25 100\n\n"
    )
    data = read_denseuav(root)
    assert {one.place: one.position for one in data.gallery} == {
        "000001": LonLat(120.387, 30.324),
        "000002": LonLat(-70.25, -33.5),
    }


def test_a_picture_may_have_its_own_position(root: Path) -> None:
    (root / "Dense_GPS_ALL.txt").write_text(
        "train/drone/000001/H80.JPG E120.1 N30.1 92\ntrain/drone/000001/H90.JPG E120.2 N30.2 102\n"
    )
    data = read_denseuav(root)
    at = {one.file.stem: one.position for one in data.train}
    assert (at["H80"], at["H90"], at["H100"]) == (LonLat(120.1, 30.1), LonLat(120.2, 30.2), LonLat(120.1, 30.1))
    assert "1 of 2 places have no position." in data.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train/drone/000001/H80.JPG 120.1 30.1 92\n", "line 1 does not read as"),
        ("\ntrain/drone/000001/H80.JPG E120.1 E30.1 92\n", "line 2 does not read as"),
        ("train/drone/000001/H80.JPG N120.1 E30.1 92\n", "Latitude 120.1"),
        ("train/drone/000009/H80.JPG E120.1 N30.1 92\n", "names no place of the dataset"),
        ("", "lists no position"),
    ],
)
def test_a_bad_text_file_names_the_line(root: Path, text: str, said: str) -> None:
    (root / "Dense_GPS_ALL.txt").write_text(text)
    with pytest.raises(BadPositions, match=said):
        read_denseuav(root)


def test_half_a_dataset_and_a_wrong_folder(tmp_path: Path) -> None:
    half = lay(tmp_path / "half", {"test/query_drone": {"000001": ["H80.JPG"]}})
    data = read_denseuav(half)
    assert "Dense_GPS_ALL.txt is missing: the places have no positions." in data.notes
    with pytest.raises(MissingPart, match="no satellite picture in the gallery"):
        data.retrieval()
    with pytest.raises(WrongFolder, match="holds no DenseUAV"):
        read_denseuav(lay(tmp_path / "other", {"drone": {"1": []}}))
