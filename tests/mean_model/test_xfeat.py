"""XFeat by kornia, with random weights: points lie where they should, and only its own weights are taken."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gallery.judge.local_features import NetworkPoints
from mean_model import MeanModelError
from mean_model.errors import CheckpointError, ConfigError
from mean_model.xfeat import MOST_POINTS, load_points, load_xfeat
from tests.helpers.builders import textured

SIDE_PX = 448
PICTURE = np.ascontiguousarray(np.moveaxis(textured(SIDE_PX, SIDE_PX, seed=5), 0, -1))


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Weights of a network that was never trained, made to fire: evenly unsure, it would find no point."""
    feature = pytest.importorskip("kornia.feature", reason="kornia is not installed (requirements.txt)")
    torch.manual_seed(0)
    state = feature.XFeat().net.state_dict()
    state["keypoint_head.3.weight"] *= 200
    return {name: value.contiguous() for name, value in state.items()}


@pytest.fixture(scope="module")
def file(weights, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("xfeat") / "xfeat.pt"
    torch.save(weights, path)
    return path


def well_inside(points: np.ndarray) -> np.ndarray:
    return points[((points > 160) & (points < SIDE_PX - 160)).all(axis=1)]


def test_points_move_with_the_picture(file):
    """Over a torus, so that the network's normalisation by the whole picture stays the same."""
    points = load_xfeat(file)
    first, second = (points(np.roll(PICTURE, shift, (0, 1)))[0] for shift in ((0, 0), (32, 64)))
    expected = {tuple(point) for point in well_inside(first + np.array([64, 32])).round(3)}
    found = {tuple(point) for point in well_inside(second).round(3)}
    assert len(expected) > 20 and len(expected & found) > 0.9 * len(expected | found)


def test_a_side_of_any_length_moves_no_point(file):
    detect = load_xfeat(file)
    (whole, rows), (cut, _) = detect(PICTURE), detect(PICTURE[: SIDE_PX - 13, : SIDE_PX - 7])
    assert cut.max(axis=0)[0] < SIDE_PX - 7 and cut.max(axis=0)[1] < SIDE_PX - 13
    assert len(whole) <= MOST_POINTS and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
    assert np.all(whole % 1 == 0.5), "the middle of a pixel"


def test_a_picture_matches_itself_where_the_mask_lets_it(file):
    matcher = NetworkPoints(load_points(f"xfeat:{file}"))
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[:, : SIDE_PX // 2] = True
    whole, left = matcher.features(PICTURE), matcher.features(PICTURE, mask)
    assert not left.oriented and 0 < len(left) < len(whole) and left.points[:, 0].max() < SIDE_PX / 2 - 15
    pairs = matcher.pairs(left, whole)
    assert len(pairs) > 0.5 * len(left) and np.abs(left.points[pairs[:, 0]] - whole.points[pairs[:, 1]]).max() == 0


def test_safetensors_are_read_too(file, weights, tmp_path):
    other = tmp_path / "xfeat.safetensors"
    save_file(weights, other)
    assert np.array_equal(load_xfeat(other)(PICTURE)[0], load_xfeat(file)(PICTURE)[0])


@pytest.mark.parametrize("fault", ["missing", "unknown", "shape", "not a number"])
def test_other_weights_are_refused_by_name(weights, tmp_path, fault):
    name = "block1.0.layer.0.weight"
    wrong = dict(weights)
    if fault == "missing":
        del wrong[name]
    elif fault == "unknown":
        wrong["lightglue.weight"] = torch.zeros(3)
    else:
        wrong[name] = torch.zeros(1) if fault == "shape" else torch.full_like(wrong[name], torch.nan)
    torch.save(wrong, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="lightglue" if fault == "unknown" else name):
        load_xfeat(tmp_path / "other.pt")


def test_a_file_that_runs_something_is_not_run(weights, tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(CheckpointError, match="safely"):
        load_xfeat(tmp_path / "whole.pt")


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kornia.feature", None)
    with pytest.raises(ConfigError, match=r"pip install -r requirements.txt"):
        load_points(f"xfeat:{tmp_path / 'xfeat.pt'}")


@pytest.mark.parametrize("source", ["sift", "xfeat:", "lightglue:a.pt", ""])
def test_another_matcher_is_named_as_unknown(source):
    with pytest.raises(MeanModelError, match="xfeat:FILE"):
        load_points(source)
