"""The program that asks the whole product: it goes on where it was stopped, and its tables keep halves apart."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from gallery.registration.combine import FITTED, SIFT, XFEAT, fitted
from gallery.registration.locate import Candidate
from mean_model.photo import Photo
from mean_model.photo_metadata import StatedPose
from tests.train_scripts.evaluation.test_ground_fit import rows as searches
from train_scripts import evaluate_ground
from train_scripts.evaluation.ground_rows import MANNERS, REPORTING, TUNING, GroundRow, asked_in, figures, halves


def row(number, half, located=True, right=True, elsewhere=False):
    error_m = None if elsewhere else 4.0 + 96 * (not right)
    return GroundRow(
        "town", "real", f"{number}.jpg", half, "stated", XFEAT, elsewhere, error_m,
        right, located, 0.9, 1.5, True, (Candidate(0, 0, 0, 1, 9, 0.4, 20, 9, -9, True),), (True,),
        () if elsewhere else (4.0,),
    )  # fmt: skip


def test_no_place_is_in_both_halves():
    names = [f"{place}-{view}.jpg" for place in "abcd" for view in range(3)]
    found = halves(names)
    assert {name[0] for name in names if found[name] == TUNING} == {"a", "c"}
    flight = halves([f"{number:03d}.jpg" for number in range(9)])
    assert list(flight.values()) == [TUNING] * 5 + [REPORTING] * 4


def test_photos_are_asked_in_every_manner():
    photo = Photo(Image.new("RGB", (64, 48)), "p", 64, 48, pose=StatedPose(350.0, -80.0, 100.0, 24.0))
    random = np.random.default_rng(0)
    poses = {manner: asked_in(photo, manner, random).pose for manner in MANNERS}
    assert poses["stated"] == photo.pose and poses["nothing stated"] is None
    assert (poses["no heading"].heading_deg, poses["no heading"].height_m) == (None, 100.0)
    assert poses["disturbed"] != photo.pose and 0 <= poses["disturbed"].heading_deg < 360


def test_a_table_counts_what_is_located_and_wrong(tmp_path, capsys):
    asked = [row(0, TUNING), row(1, REPORTING), row(2, REPORTING, right=False), row(3, REPORTING, elsewhere=True)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(asdict(one)) + "\n" for one in asked) + '{"set": "to')
    assert evaluate_ground.read_rows([file]) == asked
    evaluate_ground.main(["table", str(file), "--json", str(tmp_path / "table.json")])
    lines = json.loads((tmp_path / "table.json").read_text())
    assert lines == json.loads(json.dumps(figures(asked))) and len(capsys.readouterr().out.splitlines()) == 2 + 3
    told = {(line["half"], line["elsewhere"]): line for line in lines}
    one = told[REPORTING, False]
    assert (one["photos"], one["within_25_m"], one["located"], one["located_wrong"]) == (2, 1, 2, 1)
    assert told[REPORTING, True]["located_wrong"] == 1


def test_files_of_others_and_too_few_photos_are_refused(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    for word in ("table", "fit"):
        with pytest.raises(SystemExit):
            evaluate_ground.main([word, str(tmp_path / "a.jsonl"), *(["--out", str(tmp_path / "w")] * (word == "fit"))])
        assert "was not written by `evaluate_ground ask`" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_fit_keeps_the_weights_of_a_matcher_that_no_file_has(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    evaluate_ground.main(["fit", str(tmp_path / "empty.jsonl"), "--out", str(tmp_path / "weights.json")])
    kept = json.loads((tmp_path / "weights.json").read_text())["weights"]
    assert kept[XFEAT] == asdict(fitted(XFEAT))


def test_a_fit_replaces_the_weights_of_its_matcher_and_says_what_it_saw(tmp_path):
    file, out = tmp_path / "rows.jsonl", tmp_path / "weights.json"
    file.write_text("".join(json.dumps(asdict(one)) + "\n" for one in searches()))
    out.write_bytes(FITTED.read_bytes())
    before = json.loads(out.read_text())
    evaluate_ground.main(["fit", str(file), "--out", str(out)])
    after = json.loads(out.read_text())
    assert after["weights"][XFEAT] != before["weights"][XFEAT] and after["weights"][SIFT] == before["weights"][SIFT]
    assert after["about"][XFEAT] == {"town": 60} and after["about"][SIFT] == before["about"][SIFT]


def test_so_many_names_are_spread_over_all():
    assert evaluate_ground.spread([str(n) for n in range(10)], 3) == ["0", "3", "6"]
    assert evaluate_ground.spread(["b", "a"], 9) == ["a", "b"]
