"""The check of a dataset: published counts, what is missing or extra in words, and the command line around it."""

import json
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.dataset_files import images, lay, tiny_image, university
from train_scripts.data.__main__ import main
from train_scripts.data.readers.check import check_dataset, compare
from train_scripts.data.readers.expected import DENSEUAV, SUES200, SUES200_SPLIT, UNIVERSITY1652
from train_scripts.data.readers.listing import Listing
from train_scripts.data.readers.read_dataset import parse_spec, read_dataset
from train_scripts.data.simulator.make_dataset import Size, make_university1652
from train_scripts.errors import BadRequest, DatasetError, WrongFolder


@cache
def files(names: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(map(Path, names))


def listing(places: dict[str, list[str]]) -> Listing:
    return Listing({place: files(tuple(names)) for place, names in places.items()})


def published(queries: int = 701) -> dict[str, list[str]]:
    return {f"{i:04d}": images(55 if i == 0 else 54) for i in range(queries)}


def test_published_counts_add_up() -> None:
    assert compare("test/query_drone", listing(published()), UNIVERSITY1652["test/query_drone"]) == []
    assert UNIVERSITY1652["test/gallery_drone"].pictures == 951 * 54 + 1
    assert UNIVERSITY1652["train/drone"].pictures == 701 * 54
    assert sum(one.pictures or 0 for one in SUES200.values()) == 200 * (4 * 50 + 1)
    training = [one.pictures or 0 for part, one in SUES200_SPLIT.items() if part.startswith("Training")]
    assert sum(training) == 4 * (6_000 + 120)
    assert {part: (one.pictures, one.places) for part, one in SUES200_SPLIT.items() if "/200/" in part} == {
        "Training/200/drone": (6_000, 120),
        "Training/200/satellite": (120, 120),
        "Testing/200/query_drone": (4_000, 80),
        "Testing/200/query_satellite": (80, 80),
        "Testing/200/gallery_drone": (10_000, 200),
        "Testing/200/gallery_satellite": (200, 200),
    }
    assert {part: (one.pictures, one.places) for part, one in DENSEUAV.items()} == {
        "train/drone": (6_768, 2_256),
        "train/satellite": (13_536, 2_256),
        "test/query_drone": (2_331, 777),
        "test/query_satellite": (4_662, 777),
        "test/gallery_drone": (9_099, 3_033),
        "test/gallery_satellite": (18_198, 3_033),
    }


def test_the_copy_that_lost_one_picture_is_found() -> None:
    lost = published() | {"0000": images(54)}
    (finding,) = compare("test/query_drone", listing(lost), UNIVERSITY1652["test/query_drone"])
    assert finding.level == "missing"
    assert finding.text == "test/query_drone/0000 has 54 of 55 pictures: image-55 missing."


def test_lost_and_extra_places_and_pictures_are_counted() -> None:
    want = UNIVERSITY1652["test/query_drone"]
    (finding,) = compare("p", listing(published(700)), want)
    assert finding.text == "p has 700 places, expected 701: 1 missing."
    (finding,) = compare("p", listing(published(703)), want)
    assert (finding.level, finding.text) == ("extra", "p has 703 places, expected 701: 2 too many.")
    (finding,) = compare("p", listing(published() | {"0007": [*images(54), "copy.jpeg"]}), want)
    assert (finding.level, finding.text) == ("extra", "p/0007 has 55 of 54 pictures: copy extra.")
    many = compare("p", listing({place: names[:-1] for place, names in published().items()}), want)
    assert len(many) == 6 and many[-1].text == "p: 696 more places with another number of pictures."
    (finding,) = compare("p", None, want)
    assert finding.text == "p is missing (37,855 pictures of 701 places)."


def test_sues_places_are_known_by_name() -> None:
    places = {f"{i:04d}": ["0.png"] for i in range(1, 201) if i != 77} | {"0201": ["0.png"]}
    texts = [finding.text for finding in compare("satellite-view", listing(places), SUES200["satellite-view"])]
    assert texts == [
        "satellite-view lacks 1 place (0077).",
        "satellite-view has 1 place (0201) that it should not have.",
    ]


def test_a_split_that_trains_with_test_places_is_unfair(tmp_path: Path) -> None:
    root = lay(
        tmp_path / "s",
        {"Training/150/drone": {"0008": ["0.jpg"]}, "Testing/150/query_drone": {"0008": ["0.jpg"], "0012": []}},
    )
    texts = " ".join(finding.text for finding in check_dataset("sues200", root).findings)
    assert "1 place (0008) in both Training/150/drone and Testing/150/query_drone: the test is not fair." in texts
    assert "Training/150/drone has 1 place (0008) that it should not have." in texts
    assert "Training/150/satellite is missing (120 pictures of 120 places)." in texts


def test_views_are_compared_with_each_other(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    (root / "test/gallery_satellite/0001/0001.jpg").unlink()
    (root / "train/satellite/0002/0002.jpg").unlink()
    lay(root, {"test/gallery_satellite_usa_un": {"1": []}})
    report = check_dataset("university1652", root)
    texts = [finding.text for finding in report.findings]
    assert "test/gallery_satellite lacks 1 place (0001) that test/gallery_drone has." in texts
    assert "test/gallery_satellite lacks 1 place (0001) that test/query_satellite asks for." in texts
    assert "train/satellite lacks 1 place (0002) that train/drone has." in texts
    assert "test/gallery_satellite_usa_un belongs to no part of the release and is not read." in texts
    assert "train/street is absent; it is read only when asked for." in texts
    assert not report.complete
    assert "test/query_drone has 2 places, expected 701: 699 missing." in texts


def test_denseuav_needs_its_text_file(tmp_path: Path) -> None:
    root = lay(tmp_path / "d", {"test/query_drone": {"000001": ["H80.JPG", "H90.JPG"]}})
    texts = [finding.text for finding in check_dataset("denseuav", root).findings]
    assert "Dense_GPS_ALL.txt is missing: SDM and MA need it." in texts
    assert "test/query_drone/000001 has 2 of 3 pictures: H100 missing." in texts
    (root / "Dense_GPS_ALL.txt").write_text("nonsense\n")
    texts = [finding.text for finding in check_dataset("denseuav", root).findings]
    assert any("line 1 does not read as" in text for text in texts)


def test_own_folders_are_compared_with_themselves(tmp_path: Path) -> None:
    root = lay(tmp_path / "m", {"drone": {"a": ["1.jpg"], "b": ["1.jpg"], "c": []}, "satellite": {"a": ["s.jpg"]}})
    report = check_dataset("folders", root)
    assert [(one.level, one.text) for one in report.findings] == [
        ("note", "drone: 1 place (c) without pictures."),
        ("missing", "1 place (b) in drone without a satellite picture."),
        ("note", "No positions.csv: distances in metres cannot be measured."),
    ]
    lay(root, {"satellite": {"b": ["s.jpg"]}})
    assert check_dataset("folders", root).complete


def test_names_from_the_disk_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    root = lay(tmp_path / "m", {"drone": {"a\x1b[31m": ["1.jpg"], "b\udcff": ["1.jpg"]}, "satellite": {"c": ["s.jpg"]}})
    text = check_dataset("folders", root).text()
    assert "2 places (a\\x1b[31m, b\\udcff) in drone without a satellite picture." in text
    assert text.replace("\n", "").isprintable()


def test_pictures_are_decoded_on_request(tmp_path: Path) -> None:
    for place in ("a", "b"):
        tiny_image(tmp_path / "m" / place / "drone" / "1.jpg")
        tiny_image(tmp_path / "m" / place / "satellite" / "1.jpg")
    assert check_dataset("folders", tmp_path / "m", pictures=True).complete
    (tmp_path / "m/b/drone/1.jpg").write_bytes(b"\xff\xd8 cut")
    assert check_dataset("folders", tmp_path / "m").complete
    report = check_dataset("folders", tmp_path / "m", pictures=True)
    assert "drone: 1 picture (b/1.jpg) cannot be read." in [one.text for one in report.findings]


def test_the_command_line_tells_by_its_exit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_university1652(tmp_path / "u", Size(1, 1, 1, views=1, size_px=32))
    assert main(["check", f"university1652:{tmp_path / 'u'}"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("Complete.\n") and str(tmp_path) not in out
    (tmp_path / "u/test/gallery_drone/0000/image-02.jpeg").unlink()
    (tmp_path / "u/test/gallery_drone/0000/Thumbs.db").touch()
    assert main(["check", f"university1652:{tmp_path / 'u'}", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["complete"] is False
    assert told["findings"] == [
        {"level": "missing", "text": "test/gallery_drone/0000 has 1 of 2 pictures: image-02 missing."},
        {"level": "note", "text": "test/gallery_drone: 1 file (0000/Thumbs.db) ignored."},
    ]
    count = next(one for one in told["counts"] if one["part"] == "test/gallery_drone")
    assert (count["pictures"], count["expected_pictures"], count["expected_places"]) == (2, 3, 2)
    for wrong in (["check", "university1652:"], ["check", "moon:x"], ["check", f"sues200:{tmp_path / 'u'}"]):
        assert main(wrong) == 2
        told_error = capsys.readouterr().err
        assert told_error.count("\n") == 1 and str(tmp_path) not in told_error
    with pytest.raises(SystemExit) as stopped:
        main(["check"])
    assert stopped.value.code == 2


def test_a_procedural_dataset_is_known_as_what_it_is(tmp_path: Path) -> None:
    root = university(tmp_path / "u")
    (root / "procedural.json").write_text('{"kind": "denseuav", "parts": {}}')
    with pytest.raises(DatasetError, match="write denseuav:PATH"):
        check_dataset("university1652", root)
    (root / "procedural.json").write_text("[]")
    with pytest.raises(DatasetError, match="damaged"):
        check_dataset("university1652", root)


def test_specs_and_options_are_checked(tmp_path: Path) -> None:
    assert parse_spec("SUES200:C:/data") == ("sues200", Path("C:/data"))
    with pytest.raises(BadRequest, match="no kind of dataset moon"):
        parse_spec("moon:x")
    with pytest.raises(BadRequest, match="KIND:PATH"):
        parse_spec(str(tmp_path / "u"))
    with pytest.raises(BadRequest, match="university1652 knows no height"):
        read_dataset("university1652", tmp_path, height=150)
    with pytest.raises(BadRequest, match="sues200 knows no positions"):
        read_dataset("sues200", tmp_path, positions="p.csv")
    with pytest.raises(WrongFolder):
        read_dataset("denseuav", tmp_path)
    assert len(read_dataset("university1652", university(tmp_path / "u")).classes) == 2


def test_layouts_that_look_alike_are_told_apart(tmp_path):
    uni = university(tmp_path / "uni")
    dense = lay(
        tmp_path / "dense",
        {f"test/{part}_{view}": {"000001": [f"H80.{end}"]} for part in ("query", "gallery")
         for view, end in (("drone", "JPG"), ("satellite", "tif"))},
    )  # fmt: skip
    for kind, root, hint in (
        ("denseuav", uni, "write university1652:PATH"),
        ("university1652", dense, "Write denseuav:PATH"),
        ("folders", uni, "write university1652:PATH or denseuav:PATH"),
    ):
        for use in (check_dataset, read_dataset):
            with pytest.raises(WrongFolder, match=hint):
                use(kind, root)
    assert read_dataset("denseuav", dense, height=80, tiles="new").name == "DenseUAV, 80 m, new tiles"
