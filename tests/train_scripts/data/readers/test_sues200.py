"""SUES-200: two layouts with one meaning, the published split, one height or all."""

import hashlib
from pathlib import Path

import pytest

from tests.helpers.dataset_files import lay
from train_scripts.data.readers.dataset import Dataset, by_place
from train_scripts.data.readers.sues200 import HEIGHTS, TEST_PLACES, TRAINING_PLACES, read_sues200
from train_scripts.data.simulator.make_dataset import Size, make_sues200
from train_scripts.errors import BadRequest, MissingPart, WrongFolder

SIZE = Size(train=3, test=2, views=2, size_px=32)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sues")
    for layout in ("original", "split"):
        make_sues200(folder / layout, SIZE, layout=layout)  # type: ignore[arg-type]
    return {"original": folder / "original", "split": folder / "split"}


def test_the_split_is_the_published_one() -> None:
    assert (len(TRAINING_PLACES), len(TEST_PLACES)) == (120, 80)
    assert not TRAINING_PLACES & TEST_PLACES
    listed = hashlib.sha256(",".join(sorted(TRAINING_PLACES)).encode()).hexdigest()  # of the list in indexs.yaml
    assert listed == "3f8fa8cb56334e985448368c15a20c26f8890848a8675917c3003471fc7e15f9"
    assert "0008" in TEST_PLACES and "0200" in TRAINING_PLACES  # not the first 120


def facts(data: Dataset) -> dict[str, list[tuple]]:
    return {
        name: sorted((one.kind, one.place, one.altitude_m, one.file.name) for one in part)
        for name, part in (("train", data.train), ("queries", data.queries), ("gallery", data.gallery))
    }


@pytest.mark.parametrize("height", [150, 300, None])
def test_both_layouts_mean_the_same(layouts: dict[str, Path], height: int | None) -> None:
    original, split = (read_sues200(layouts[name], height=height) for name in ("original", "split"))
    assert facts(original) == facts(split)
    assert original.notes == split.notes == ()
    assert set(original.classes) <= TRAINING_PLACES
    assert {one.place for one in original.queries} <= TEST_PLACES


def test_one_height_is_what_papers_test(layouts: dict[str, Path]) -> None:
    data = read_sues200(layouts["original"], height=250)
    assert data.name == "SUES-200, 250 m"
    assert {one.altitude_m for one in data.queries if one.kind == "drone"} == {250}
    paper, full = (data.retrieval("drone-to-satellite", protocol) for protocol in ("paper", "full"))
    assert (len(paper.queries), paper.ranked, full.ranked) == (4, 2, 5)
    back = data.retrieval("satellite-to-drone", "paper")
    assert (len(back.queries), back.ranked, len(back.gallery)) == (2, 4, 10)
    assert len(data.training_pairs()) == 3 * 2


def test_mixed_heights_share_the_satellite_picture(layouts: dict[str, Path]) -> None:
    for layout in layouts.values():
        data = read_sues200(layout)
        assert len(data.training_pairs()) == 3 * 2 * len(HEIGHTS)
        assert all(len(of) == 1 for of in by_place(data.gallery, "satellite").values())
        names = [one.name for one in data.gallery]
        assert len(names) == len(set(names))


def test_places_have_no_position(layouts: dict[str, Path]) -> None:
    assert all(one.position is None for one in read_sues200(layouts["original"]).gallery)


def test_another_split_may_be_given(layouts: dict[str, Path]) -> None:
    data = read_sues200(layouts["original"], height=150, training_places={"0008"})
    assert data.classes == ("0008",)
    assert len({one.place for one in data.queries}) == 4


def test_copies_that_call_the_halves_train_and_test_read_as_well(layouts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    for half, name in (("Training", "train"), ("Testing", "test")):
        (tmp_path / "copy" / name).symlink_to(layouts["split"] / half, target_is_directory=True)
    assert facts(read_sues200(tmp_path / "copy", height=200)) == facts(read_sues200(layouts["split"], height=200))
    university = lay(tmp_path / "other", {"train/drone": {"0001": ["a.jpg"]}})
    with pytest.raises(WrongFolder, match="neither layout of SUES-200"):
        read_sues200(university)


def test_wrong_folder_half_a_dataset_and_wrong_height(tmp_path: Path) -> None:
    with pytest.raises(WrongFolder, match="holds no SUES-200"):
        read_sues200(lay(tmp_path / "other", {"drone-photos": {"0001": ["a.jpg"]}}))
    half = lay(tmp_path / "half", {"Testing/150/query_drone": {"0008": ["0.jpg"]}})
    data = read_sues200(half, height=150)
    assert "Training/150/drone is missing." in data.notes
    with pytest.raises(MissingPart, match="no satellite picture in the gallery"):
        data.retrieval()
    with pytest.raises(MissingPart, match="Choose another height"):
        read_sues200(half, height=300)
    with pytest.raises(BadRequest, match="no height 175"):
        read_sues200(half, height=175)
    with pytest.raises(WrongFolder, match="Give half"):
        read_sues200(half / "Testing")
    with pytest.raises(BadRequest, match="no more"):
        make_sues200(tmp_path / "large", Size(train=121))
