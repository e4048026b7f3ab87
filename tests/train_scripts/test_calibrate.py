"""Calibrating: photos asked with and without their tiles, runs that go on, a fit that answers use, honest figures."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer
from gallery.errors import GalleryError, WrongModel
from gallery.geo import LonLat, destination, distance_m
from gallery.judge.calibration import CALIBRATION, Calibration
from gallery.search.options import SearchOptions
from mean_model import load_model
from tests.helpers.builders import build_region, textured, write_truth
from tests.helpers.tiny_model import save_tiny
from train_scripts.calibrate import Judged, calibrated, figures_of, main

PHOTOS = 24
UNVERIFIED = SearchOptions(verify=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights `tiny`, gallery `g` of textured ground, and photos of it, half of them spoilt."""
    home = tmp_path_factory.mktemp("calibrated")
    save_tiny(home / "tiny")
    with load_model(home / "tiny") as embedder:
        gallery = build_region(home, embedder, textured(600, 600, seed=5))
    random = np.random.default_rng(1)
    for folder in ("photos", "others"):
        (home / folder).mkdir()
    rows = []
    for number in range(PHOTOS):
        tile = gallery.tile(number * len(gallery) // PHOTOS)
        picture = gallery.image(tile, 100)
        if number % 2:  # noise that no tile looks like
            noise = Image.fromarray(random.integers(0, 256, (*picture.size[::-1], 3), np.uint8))
            picture = Image.blend(picture, noise, 0.97)
        picture.save(home / "photos" / f"{number}.png")
        rows.append((f"{number}.png", tile.centre.lon, tile.centre.lat))
    write_truth(home / "photos", rows)
    for number in range(4):
        Image.fromarray(textured(64, 64, 50 + number).transpose(1, 2, 0)).save(home / "others" / f"{number}.png")
    return home


def ask(home, out, *more, photos="photos"):
    main(["ask", str(home / photos), "--gallery", str(home / "g"), "--model", str(home / "tiny"),
          "--manners", "turned", "--out", str(out), *more])  # fmt: skip


@pytest.fixture(scope="module")
def rows(home, tmp_path_factory):
    out = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    ask(home, out)
    return out


def read(file):
    return [answer for line in file.read_text().splitlines()[1:] for answer in json.loads(line)]


def test_each_photo_is_asked_with_and_without_its_tiles(home, rows):
    found = read(rows)
    assert len(found) == 4 * PHOTOS  # with the check and without
    assert all(not row["right"] and row["error_m"] is None for row in found if row["lacking"])
    there = [row for row in found if not row["lacking"] and row["case"] == "turned"]
    clean = [row["right"] for row in there if int(row["photo"].split(".")[0]) % 2 == 0]
    assert all(clean) and len(there) == PHOTOS
    assert all((row["evidence"]["inliers"] is None) == (row["case"] == "turned") for row in found)
    assert not re.search(r'"(lon|lat)"', rows.read_text())  # positions of photos are not kept


def test_a_run_goes_on_where_it_was_cut(home, rows, tmp_path):
    whole = rows.read_text()
    cut = tmp_path / rows.name
    cut.write_text(whole[: len(whole) // 2])
    ask(home, cut)
    assert {(row["photo"], row["case"], row["lacking"]) for row in read(cut)} == {
        (row["photo"], row["case"], row["lacking"]) for row in read(rows)
    }
    assert len(read(cut)) == 4 * PHOTOS
    ask(home, cut)
    assert len(read(cut)) == 4 * PHOTOS
    with pytest.raises(SystemExit):
        ask(home, cut, "--elsewhere", photos="others")


def test_photos_of_elsewhere_are_never_right(home, tmp_path):
    ask(home, tmp_path / "else.jsonl", "--elsewhere", "--most", "3", photos="others")
    found = read(tmp_path / "else.jsonl")
    assert len(found) == 6 and all(row["lacking"] and not row["right"] for row in found)


def test_a_fit_is_used_by_the_gallery_that_it_lies_in(home, rows, capsys):
    out = home / "g" / CALIBRATION
    main(["fit", str(rows), "--out", str(out)])
    assert "turned: 48 answers, 24 of them without a right tile" in capsys.readouterr().out
    try:
        with load_model(home / "tiny") as embedder:
            localizer = Localizer(Gallery.open(home / "g"), embedder)
            answers = [localizer.localize(home / "photos" / f"{n}.png", options=UNVERIFIED) for n in range(PHOTOS)]
            assert localizer.calibration == Calibration.read(out)
        clean, spoilt = ([answer.confidence for answer in answers[start::2]] for start in (0, 1))
        assert min(clean) > max(spoilt) and min(spoilt) > 0 and max(clean) < 1
        assert all((one.verdict == "located") == (one.position is not None) for one in answers)
        assert {answer.verdict for answer in answers[::2]} == {"located"}
        with pytest.raises(GalleryError, match="trust is"):
            Localizer(Gallery.open(home / "g"), embedder, trust=0.5)
        out.write_text(out.read_text().replace(localizer.calibration.fingerprint, "0" * 16))
        with pytest.raises(WrongModel, match="0000000000000000"):
            Localizer(Gallery.open(home / "g"), embedder)
    finally:
        out.unlink()


def test_a_calibration_beside_the_weights_comes_with_them(home, rows):
    out = home / "tiny" / CALIBRATION
    main(["fit", str(rows), "--about", "a test", "--out", str(out)])
    try:
        with load_model(home / "tiny") as embedder:
            localizer = Localizer(Gallery.open(home / "g"), embedder)
            assert localizer.calibration is not None and localizer.calibration.about == "a test"
            answer = localizer.localize(home / "photos" / "0.png")
        assert answer.confidence is not None and "probability" in " ".join(answer.notes)
    finally:
        out.unlink()


def test_measured_figures(home, rows, tmp_path, capsys):
    main(["fit", str(rows), "--out", str(tmp_path / CALIBRATION)])
    capsys.readouterr()
    main(["measure", str(rows), "--calibration", str(tmp_path / CALIBRATION), "--json"])
    found = json.loads(capsys.readouterr().out)["turned"]
    assert found["asked"] == found["lacking"] == PHOTOS and found["wrong"] <= 0.1 * found["located"]
    assert found["trust"]["answers"] == 2 * PHOTOS and found["trust"]["auc_pr"] > 0.9
    plot = tmp_path / "reliability.png"
    main(["measure", str(rows), "--calibration", str(tmp_path / CALIBRATION), "--plot", str(plot)])
    assert "| turned |" in capsys.readouterr().out
    with Image.open(plot) as drawn:
        assert drawn.width > drawn.height  # two panels: with the check and without


def judged(probable: bool, right: bool, lacking: bool = False) -> Judged:
    from gallery.judge.evidence import Evidence

    return Judged("a", "turned", "turned", lacking, right, None if lacking else 3.0 if right else 400.0,
                  Evidence(*[3.0 if probable else -3.0] * 5, None))  # fmt: skip


def test_figures_by_hand():
    from gallery.judge.calibration import Logistic

    way = Logistic((0.0,) * 5, (1.0,) * 5, (1.0,) * 5, 0.0, {0.9: 0.5, 0.95: 0.5, 0.99: None}, 1, 0)
    of = [judged(True, True)] * 6 + [judged(True, False)] * 2 + [judged(False, True)]
    of += [judged(True, False, lacking=True), judged(False, False, lacking=True)]
    found = figures_of(of, Calibration("f", "", {"turned": way}), 0.95)
    assert found is not None
    assert (found.asked, found.located, found.wrong, found.lacking, found.believed) == (9, 8, 2, 2, 1)
    assert found.median_error_m == 3.0 and found.trust.right == 7
    assert figures_of(of, Calibration("f", "", {}), 0.95) is None
    strict = figures_of(of, Calibration("f", "", {"turned": way}), 0.99)
    assert strict is not None and (strict.located, strict.wrong_interval95, strict.median_error_m) == (0, None, None)


def test_refusals_are_a_sentence(home, rows, tmp_path, refused):
    (tmp_path / "no.jsonl").write_text("{}\n{}\n")
    for arguments, word in (
        (["fit", str(tmp_path / "no.jsonl"), "--out", str(tmp_path / "c.json")], "no.jsonl"),
        (["measure", str(rows), "--calibration", str(tmp_path / "none.json")], "none.json"),
        (["measure", str(rows), "--calibration", str(rows), "--plot", "a.txt"], "a.txt"),
        (["ask", str(home / "photos"), "--gallery", str(home / "photos"), "--out", str(tmp_path / "x")], "gallery"),
    ):
        said = refused(main, *arguments)
        assert word in said and said.count("\n") == 1 and str(tmp_path) not in said
    few = [judged(True, True)] * 3
    with pytest.raises(GalleryError, match="at least 10 of each"):
        calibrated(few, "f", "")


def test_places_far_off_are_wrong():
    from gallery.judge.evidence import RIGHT_M, is_right

    centre = LonLat(10, 50)
    near, far = (distance_m(centre, destination(centre, 90, metres)) for metres in (RIGHT_M - 1, RIGHT_M + 1))
    assert is_right(near, 1.0) and not is_right(far, 1.0) and is_right(far, 100.0)
