"""Baselines on small made-up ground: what must find a plain copy does, what cannot does not, and all are counted."""

import json

import numpy as np
import pytest
from PIL import Image

from gallery.imagery.warp import NOT_SEEN
from gallery.judge.local_features import root_sift
from tests.helpers.builders import build_region, textured, write_truth
from train_scripts.baselines import ColourHistogram, Result, main, random_network, table, thinned

SHOWN = (3, 11, 20)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A gallery without overlap, and in photos/ its tiles as they are."""
    home = tmp_path_factory.mktemp("baselines")
    gallery = build_region(home, ColourHistogram(), textured(400, 600, seed=5), overlap=0)
    (home / "photos").mkdir()
    for row in SHOWN:
        gallery.image(gallery.tile(row)).resize((256, 256)).save(home / "photos" / f"{row}.png")
    write_truth(home / "photos", ((f"{row}.png", *gallery.centres[row]) for row in SHOWN))
    return home


def test_copies_are_found_by_colours_and_by_points(home, capsys):
    main([str(home / "g"), str(home / "photos"), "--with", "histogram", "--with", "sift", "--rotations", "4", "--json"])
    colours, points = json.loads(capsys.readouterr().out)
    assert (colours["name"], points["name"]) == ("colour histogram", "SIFT and RANSAC")
    for found in (colours, points):
        assert (found["photos"], found["tiles"], found["recall"]["1"]) == (3, 24, 100) and found["seconds"] > 0


def test_photos_are_spread_over_the_folder_and_rows_are_told_apart(home, capsys):
    main([str(home / "g"), str(home / "photos"), "--with", "random", "--photos", "2", "--rotations", "1"])
    words = capsys.readouterr().out
    assert words.startswith("2 photos against 24 tiles\n") and "random weights" in words and "R@5 % (95 %)" in words


def test_colours_do_not_see_what_a_photo_does_not_hold():
    seen = np.moveaxis(textured(64, 64, 1), 0, -1)
    half = seen.copy()
    half[:, 32:] = NOT_SEEN
    [one, part, left] = ColourHistogram().embed([Image.fromarray(p) for p in (seen, half, seen[:, :32])])
    assert one @ one == pytest.approx(1, abs=1e-5)
    assert part @ left > 0.99 > part @ one


def test_random_weights_are_the_same_ones_each_time():
    with random_network() as one, random_network() as other:
        assert one.fingerprint == other.fingerprint and one.config.from_above


def test_points_are_thinned_evenly():
    features = root_sift(np.moveaxis(textured(200, 200, 2), 0, -1))
    few = thinned(features, 20)
    assert 10 < len(few) <= 20 < len(features) and few.points.max() > 150
    assert len(thinned(features, 10_000)) == len(features)


def test_a_mistake_is_one_line(home, refused):
    assert "is no gallery" in refused(main, home / "photos", home / "photos")


def test_the_table_has_a_row_for_each():
    one = Result("b", 7, 1000, {"1": 50.0, "5": 60.0, "10": 70.0}, {k: [1.0, 99.0] for k in ("1", "5", "10")}, 2.0)
    assert "b  50.0 (1.0-99.0)  60.0 (1.0-99.0)  70.0 (1.0-99.0)        2" in table([one])
