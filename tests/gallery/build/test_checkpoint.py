"""The state of a build: whole batches or nothing, vectors kept by content, and what a change of plan forgets."""

import sqlite3

import numpy as np
import pytest
from shapely.geometry import box

from gallery.build.checkpoint import Outcome, open_state
from gallery.errors import BuildError
from gallery.geo import LonLat
from gallery.tiles import Tile

NONE = np.empty((0, 4), np.float16)


def tile(name: str) -> Tile:
    return Tile(name, LonLat(1, 2), box(0.9, 1.9, 1.1, 2.1), 0.5, "a.tif")


def outcomes(*names: str) -> list[Outcome]:
    """Tiles; a name in capitals is one that was left out."""
    return [
        Outcome(name, reason="empty") if name.isupper() else Outcome(name, tile(name), f"pixels of {name[0]}", 9.0)
        for name in names
    ]


def vector(value: float) -> np.ndarray:
    return np.full(4, value, np.float16)


@pytest.fixture
def state(tmp_path):
    with open_state(tmp_path / "state") as opened:
        opened.begin("model", "float32", "key", [])
        yield opened


def test_tiles_come_back_in_order_with_the_vector_of_their_content(state):
    state.add(0, outcomes("a1", "B", "c"), {"pixels of a": vector(1), "pixels of c": vector(3)})
    assert state.lacking(["pixels of a", "pixels of d", "pixels of d"]) == ["pixels of d"]
    state.add(3, outcomes("a2"), {"pixels of a": vector(7)})  # known already: stays as it was
    (block,) = state.blocks(4, NONE)
    assert block.rows["id"].to_pylist() == ["a1", "c", "a2"] and block.vectors[:, 0].tolist() == [1, 3, 1]
    assert block.rows["detail"].to_pylist() == [9.0] * 3 and block.rows["image"].null_count == 3
    assert state.tiles() == 3 and state.reasons() == {"empty": 1}


def test_a_batch_that_fails_leaves_nothing(state):
    state.add(0, outcomes("a"), {"pixels of a": vector(1)})
    with pytest.raises(sqlite3.IntegrityError):  # of its first row
        state.add(0, outcomes("b"), {"pixels of b": vector(2)})
    assert state.tiles() == 1 and state.lacking(["pixels of b"])


def test_it_goes_on_where_the_candidates_agree(state):
    state.add(0, outcomes("a", "B", "c"), {f"pixels of {name}": vector(1) for name in "ac"})
    assert state.agreeing(["a", "B", "c", "d"]) == 3
    assert state.agreeing(["a", "c"]) == 1 and state.tiles() == 1
    assert not state.lacking(["pixels of c"]), "its vector is kept"


@pytest.mark.parametrize(("model", "kept"), [("model", True), ("another", False)])
def test_another_plan_keeps_the_vectors_of_the_same_model(state, model, kept):
    state.add(0, outcomes("a"), {"pixels of a": vector(1)})
    state.begin(model, "float32", "other key", [["pixels of x", "pixels of y", "pixels of x"]])
    assert state.tiles() == 0 and bool(state.lacking(["pixels of a"])) != kept
    state.add(0, outcomes("y", "x"), {})
    old_vectors = np.arange(12, dtype=np.float16).reshape(3, 4)
    (block,) = state.blocks(4, old_vectors)
    assert block.vectors[:, 0].tolist() == [4, 0]
    state.begin(model, "float32", "third key", [])
    assert state.lacking(["pixels of x"]), "that gallery is not the old one any more"


def test_the_same_build_in_another_precision_is_refused(state):
    state.add(0, outcomes("a"), {"pixels of a": vector(1)})
    with pytest.raises(BuildError, match="computes in float32, the model at hand in bfloat16"):
        state.begin("model", "bfloat16", "key", [])
    assert state.tiles() == 1, "it can still go on as it was begun"
    state.begin("model", "bfloat16", "another key", [])
    assert state.lacking(["pixels of a"]), "no vector of another precision goes into a gallery"


def test_a_damaged_state_is_one_sentence(tmp_path):
    file = tmp_path / "state"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(BuildError, match="build again"), open_state(file) as state:
        state.begin("model", "float32", "key", [])
