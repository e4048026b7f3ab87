"""The chart of accuracy against parameters: points, names and legend."""

import numpy as np
import pytest

from gallery.errors import GalleryError
from gallery.figures.model_chart import ModelPoint, accuracy_against_parameters
from tests.helpers.pixels import has_colour, rendered

POINTS = [
    ModelPoint("Sample4Geo", 87.57, 92.65, "paper"),
    ModelPoint("SDPL", 42.56, 90.16, "full"),
    ModelPoint("Swin-B", 88, 84.15, "?", at_least=True),
    ModelPoint("MEAN $here", 36.5, 93.55, "paper", ours=True),
]


def test_every_model_stands_at_its_numbers_with_its_name():
    figure = accuracy_against_parameters(POINTS)
    axis = figure.axes[0]
    places = [tuple(c.get_offsets()[0]) for c in axis.collections]
    assert places == [(p.parameters_m, p.accuracy) for p in POINTS]
    assert {text.get_text() for text in axis.texts} - {""} == {p.name for p in POINTS}
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert legend == ["paper's protocol", "whole gallery", "protocol unknown", "ours"]
    assert has_colour(rendered(figure), "#C62828", 25)


def test_names_do_not_lie_on_each_other():
    random = np.random.default_rng(2)
    points = [ModelPoint(f"model {i}", *random.uniform((30, 80), (200, 95))) for i in range(15)]
    figure = accuracy_against_parameters(points)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    pairs = [(i, j) for i in range(15) for j in range(i) if boxes[i].overlaps(boxes[j])]
    assert not pairs


def test_what_is_no_number_is_named():
    with pytest.raises(GalleryError, match="LCM has no number"):
        accuracy_against_parameters([ModelPoint("LCM", float("nan"), 66)])
    with pytest.raises(GalleryError, match="no model"):
        accuracy_against_parameters([])
