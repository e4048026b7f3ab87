"""The command `search`: values of the camera that are set on the command line."""

import argparse

import pytest

from gallery.__main__ import main
from gallery.cli.options import correction_of
from gallery.cli.search import add as add_search
from gallery.photo.correction import PoseCorrection


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--height-m", "0"), "height of 0 m"),
        (("--height-m", "-50"), "height of -50 m"),
        (("--focal-35mm", "1"), "focal length of 1 mm"),
        (("--heading", "400"), "heading of 400 degrees"),
    ],
)
def test_a_value_that_no_drone_photo_has_is_one_line(capsys, tmp_path, given, named):
    assert main(["search", str(tmp_path), str(tmp_path / "photo.jpg"), *given]) == 2
    said = capsys.readouterr().err
    assert named in said and said.count("\n") == 1


def test_values_are_taken_as_they_are_given():
    parser = argparse.ArgumentParser()
    add_search(parser.add_subparsers())
    options = parser.parse_args(["search", "g", "p.jpg", "--heading", "-30", "--pitch", "-60"])
    assert correction_of(options) == PoseCorrection(heading_deg=-30, pitch_deg=-60)
