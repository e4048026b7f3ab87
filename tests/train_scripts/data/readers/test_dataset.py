"""Pictures and the sets made of them: labels, protocols, training pairs, unreadable files."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.metrics import evaluate
from tests.helpers.dataset_files import distractors, tiny_image, unanswered
from train_scripts.data.readers.dataset import (
    DIRECTIONS,
    KINDS,
    PROTOCOLS,
    Dataset,
    Picture,
    beside,
    by_place,
    read_picture,
    views_of,
)
from train_scripts.errors import BadPicture, BadRequest, DatasetError, MissingPart


def picture(kind, place: str, name: str = "a.jpg", altitude_m: float | None = None) -> Picture:
    return Picture(kind, Path("data") / kind / place / name, place, altitude_m)


def dataset(asked: list[str], others: list[str], drones: int = 2) -> Dataset:
    def both(places: list[str]) -> tuple[Picture, ...]:
        return tuple(picture("drone", place, f"{i}.jpg") for place in places for i in range(drones)) + tuple(
            picture("satellite", place) for place in places
        )

    return Dataset("toy", both(["t1", "t2"]), both(asked), both(sorted(asked + others)))


def test_paper_marks_distractors_as_junk_and_full_ranks_them() -> None:
    toy = dataset(["a", "c"], ["b", "d"])
    paper, full = toy.retrieval(protocol="paper"), toy.retrieval(protocol="full")
    assert paper.places == ("a", "b", "c", "d") == full.places
    assert paper.query_labels.tolist() == [0, 0, 2, 2]
    assert paper.gallery_labels.tolist() == [0, -1, 2, -1]
    assert full.gallery_labels.tolist() == [0, 1, 2, 3]
    assert (paper.ranked, full.ranked) == (2, 4)
    assert len(paper.gallery) == len(full.gallery) == 4  # R@1% counts junk
    assert distractors(paper) == {"b", "d"}


def test_the_labels_are_those_that_the_metrics_take() -> None:
    toy = dataset(["a", "c"], ["b", "d"])
    vectors = {place: np.eye(4, dtype=np.float32)[i] for i, place in enumerate("abcd")}
    for direction in ("drone-to-satellite", "satellite-to-drone"):
        for protocol in ("paper", "full"):
            task = toy.retrieval(direction, protocol)
            queries, gallery = (np.stack([vectors[one.place] for one in of]) for of in (task.queries, task.gallery))
            result = evaluate(queries, task.query_labels, gallery, task.gallery_labels)
            assert (result.recall[1], result.ap, result.without_match) == (100, 100, 0)


@given(st.sets(st.sampled_from("abcdefgh"), min_size=1), st.sets(st.sampled_from("abcdefgh")))
def test_protocols_differ_by_the_distractors_alone(asked: set[str], searched: set[str]) -> None:
    queries = tuple(picture("drone", place) for place in sorted(asked))
    gallery = tuple(picture("satellite", place) for place in sorted(searched | {"z"}))
    toy = Dataset("toy", (), queries, gallery)
    paper, full = toy.retrieval(protocol="paper"), toy.retrieval(protocol="full")
    differs = paper.gallery_labels != full.gallery_labels
    assert [one.place in asked for one, other in zip(gallery, differs, strict=True)] == (~differs).tolist()
    assert {gallery[i].place for i in np.flatnonzero(differs)} == distractors(full)
    assert unanswered(paper) == asked - searched
    assert [full.places[label] for label in full.query_labels] == [one.place for one in queries]


@given(st.integers(0, 2**32 - 1))
def test_the_papers_protocol_never_scores_lower(seed: int) -> None:
    random = np.random.default_rng(seed)
    places = [[f"p{number}" for number in random.integers(0, most, count)] for most, count in ((6, 20), (12, 30))]
    queries, gallery = (
        tuple(picture(kind, place) for place in of) for kind, of in zip(("drone", "satellite"), places, strict=True)
    )
    toy = Dataset("toy", (), queries, gallery)
    vectors = [random.standard_normal((len(of), 4)) for of in places]
    paper, full = (
        evaluate(vectors[0], task.query_labels, vectors[1], task.gallery_labels)
        for task in (toy.retrieval(protocol=protocol) for protocol in PROTOCOLS)
    )
    assert paper.gallery == full.gallery == 30 and full.removed == 0
    assert all(paper.recall[key] >= full.recall[key] for key in paper.recall) and paper.ap >= full.ap
    assert paper.unmatched.tolist() == full.unmatched.tolist()


def test_what_is_not_there_is_said() -> None:
    toy = dataset(["a"], [])
    with pytest.raises(BadRequest, match="drone-to-satellite"):
        toy.retrieval("sideways")
    with pytest.raises(BadRequest, match="paper or full"):
        toy.retrieval(protocol="half")
    with pytest.raises(MissingPart, match="no street picture in the query"):
        toy.retrieval("street-to-satellite")
    with pytest.raises(MissingPart, match="no training place"):
        Dataset("toy", (), toy.queries, toy.gallery).training_pairs()
    assert {views_of(direction) for direction in DIRECTIONS} == set(permutations(KINDS, 2))


def test_every_drone_picture_has_its_satellite_pictures() -> None:
    toy = dataset(["a"], [], drones=3)
    lonely = Dataset("toy", (*toy.train, picture("drone", "t0")), (), ())
    assert lonely.classes == ("t1", "t2")
    pairs = lonely.training_pairs()
    assert [(pair.label, pair.place) for pair in pairs] == [(0, "t1")] * 3 + [(1, "t2")] * 3
    assert all(pair.drone.place == pair.place == pair.satellites[0].place for pair in pairs)


def test_tiles_for_the_same_height_stand_beside_a_drone_picture() -> None:
    tiles = tuple(picture("satellite", "p", f"{h}.tif", h) for h in (80.0, 90.0))
    assert beside(picture("drone", "p", altitude_m=90.0), tiles) == tiles[1:]
    assert beside(picture("drone", "p", altitude_m=70.0), tiles) == tiles
    one = (picture("satellite", "p"),)
    assert beside(picture("drone", "p"), one) == one


def test_by_place_keeps_the_order() -> None:
    pictures = [
        picture("drone", "b", "2"),
        picture("satellite", "b"),
        picture("drone", "a"),
        picture("drone", "b", "1"),
    ]
    assert {place: [one.file.name for one in of] for place, of in by_place(pictures, "drone").items()} == {
        "b": ["2", "1"],
        "a": ["a.jpg"],
    }


def test_a_name_holds_no_path(tmp_path: Path) -> None:
    one = Picture("drone", tmp_path / "0007" / "3.jpg", "0007", 150.0)
    assert one.name == "drone/0007/150m/3.jpg"


def test_pixels_or_one_sentence(tmp_path: Path) -> None:
    assert read_picture(Picture("drone", tiny_image(tmp_path / "a.png"), "p")).size == (48, 36)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no picture")
    for file in (bad, tmp_path / "gone.jpg"):
        with pytest.raises(BadPicture, match=f"{file.name} cannot be ") as told:
            read_picture(Picture("drone", file, "p"))
        assert str(tmp_path) not in str(told.value)
    assert issubclass(BadPicture, DatasetError)
