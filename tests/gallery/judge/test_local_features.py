"""Local features: found again after a turn, never where nothing is seen, and matched as a plain loop would."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gallery.judge.local_features import Features, NetworkPoints, alike, mutual_matches, root_sift
from tests.helpers.builders import textured
from tests.helpers.known_ground import PlainSift


def picture(seed: int = 3, side_px: int = 300) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(textured(side_px, side_px, seed=seed), 0, -1))


def features_of(rows: np.ndarray) -> Features:
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    zeros = np.zeros(len(rows), np.float32)
    return Features(np.zeros((len(rows), 2)), rows.astype(np.float32), zeros, zeros + 1)


def test_points_are_found_again_after_a_quarter_turn():
    whole = picture()
    first, second = root_sift(whole), root_sift(np.ascontiguousarray(np.rot90(whole)))
    pairs = mutual_matches(first, second)
    x, y = first.points[pairs[:, 0]].T
    there = second.points[pairs[:, 1]]
    near = np.abs(there - np.column_stack([y, 300 - x])).max(axis=1) < 1.0
    assert len(pairs) > 100 and near.mean() > 0.95
    assert alike(first, second, pairs, 25, 0.6).mean() < 0.05  # by 90 degrees they are not alike
    assert alike(first, first, np.column_stack([pairs[:, 0]] * 2), 1, 0.01).all()


def test_descriptors_have_length_one():
    lengths = np.linalg.norm(root_sift(picture()).descriptors, axis=1)
    assert np.abs(lengths - 1).max() < 1e-3


def test_nothing_is_found_where_nothing_is_seen():
    seen = np.zeros((300, 300), bool)
    seen[:, :150] = True
    points = root_sift(picture(), seen).points
    assert 0 < len(points) < len(root_sift(picture())) and points[:, 0].max() < 150
    assert len(root_sift(picture(), np.zeros_like(seen))) == 0


def test_a_blank_picture_has_no_points_and_matches_nothing():
    blank, full = root_sift(np.full((80, 80, 3), 90, np.uint8)), root_sift(picture())
    assert len(blank) == 0 == len(mutual_matches(blank, full)) == len(mutual_matches(full, blank))


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 12), st.floats(0.5, 1.0))
@settings(max_examples=60)
def test_matching_equals_a_plain_loop(seed, many, others, ratio):
    random = np.random.default_rng(seed)
    first, second = features_of(random.random((many, 8))), features_of(random.random((others, 8)))
    distances = np.linalg.norm(first.descriptors[:, None] - second.descriptors[None], axis=2)
    expected = []
    for row in range(many):
        best, runner_up = np.argsort(distances[row])[:2]
        margin = distances[row, best] - ratio * distances[row, runner_up]
        if abs(margin) < 1e-5:
            return  # too close to call in single precision
        if margin < 0 and distances[:, best].argmin() == row:
            expected.append((row, best))
    assert mutual_matches(first, second, ratio).tolist() == [list(map(int, pair)) for pair in expected]


def test_the_picture_is_not_changed():
    whole = picture()
    before = Image.fromarray(whole).tobytes()
    root_sift(whole, np.ones((300, 300), bool))
    assert whole.tobytes() == before


def test_points_of_a_network_have_no_direction_and_are_paired_by_cosine():
    matcher, whole = NetworkPoints(PlainSift()), picture()
    seen = np.zeros((300, 300), bool)
    seen[:, :150] = True
    first, left = matcher.features(whole), matcher.features(np.ascontiguousarray(np.rot90(whole)), seen)
    assert not first.oriented and left.points[:, 0].max() <= 150 - PlainSift.sees_px
    pairs = matcher.pairs(first, left)
    cosines = (first.descriptors[pairs[:, 0]] * left.descriptors[pairs[:, 1]]).sum(axis=1)
    assert len(pairs) > 30 and cosines.min() > PlainSift.least_cosine
    assert alike(first, left, pairs, 1, 0.01).all(), "nothing speaks against any pair"
    assert len(matcher.pairs(first, matcher.features(whole, np.zeros_like(seen)))) == 0
