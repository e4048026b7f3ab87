"""Several models on the same queries: one table, a report each that can be compared, and their costs."""

import json
import re
import shutil

import numpy as np
import pytest
import timm
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from gallery import Gallery, build_gallery
from gallery.__main__ import main as gallery_main
from gallery.report.comparison import compare as compared
from gallery.report.table import open_inspection
from mean_model import load_model
from pages.services.engine import Engine
from pages.services.inspection import InspectionService
from tests.helpers.builders import build_region, digest, textured, write_truth
from tests.helpers.evaluate_line import refusal, say
from tests.helpers.tiny_model import save_tiny
from train_scripts.arguments import names_for_files
from train_scripts.data.simulator.make_dataset import Size, make_university1652
from train_scripts.errors import MissingPart
from train_scripts.evaluation import compare
from train_scripts.evaluation.places import PlacesOptions

TIMM = "timm:test_convnext"
SHOWN = (3, 11, 19, 30)
"""Rows of the tiles that the photos show."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights `tiny` and a timm model's, gallery `g` by `tiny` with photos of its tiles, and dataset `uni`."""
    home = tmp_path_factory.mktemp("home")
    save_tiny(home / "tiny")
    save_file(timm.create_model("test_convnext", num_classes=10).state_dict(), home / "theirs.safetensors")
    with load_model(home / "tiny", precision="float32") as embedder:
        gallery = build_region(home, embedder, textured(300, 300, seed=5), 80)
    (home / "photos").mkdir()
    for row in SHOWN:
        gallery.image(gallery.tile(row), 80).save(home / "photos" / f"{row}.png")
    write_truth(home / "photos", ((f"{row}.png", *gallery.centres[row]) for row in SHOWN))
    make_university1652(home / "uni", Size(train=1, test=3, distractors=1, views=2, size_px=40))
    return home


@pytest.fixture(scope="module")
def models(home):
    return ("--model", home / "tiny", "--model", f"{TIMM}={home / 'theirs.safetensors'}")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """One timed pass is enough here."""
    monkeypatch.setattr(compare, "PASSES", 1)


def asked(home):
    return ("--dataset", f"gallery:{home / 'g'}", "--photos", home / "photos", "--rotations", 1)


@pytest.mark.slow
def test_one_table_and_reports_that_compare(home, models, tmp_path, capsys):
    before = {path.name: (digest(path), path.stat().st_mtime_ns) for path in (home / "g").iterdir()}
    (tmp_path / "r-tiny.tiles").write_bytes(b"of an earlier report, by a model that had not built the gallery")
    words = say(capsys, *models, *asked(home), "--out", tmp_path / "r.parquet")
    head, rule, *rows = words[words.index("Model ") :].splitlines()[:4]
    assert " ".join(head.split()) == "Model R@1 R@5 R@10 R@1% AP Params (M) GFLOP Input D Images/s"
    assert [row.split()[0] for row in rows] == ["tiny", TIMM] and set(rule) == {"-"}
    assert re.search(r"^tiny +100\.00 \(51\.0-100\.0\)", rows[0]) and " 320 " in rows[0] and " 160 px " in rows[1]
    assert re.search(r"measured on this machine in this run, 32 decoded .*, float32, \d+ CPU threads", words)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "r-timm-test-convnext.parquet",
        "r-timm-test-convnext.tiles",
        "r-tiny.parquet",
    ]
    mine, theirs = tmp_path / "r-tiny.parquet", tmp_path / "r-timm-test-convnext.parquet"
    ours, others = open_inspection(mine, home / "g"), open_inspection(theirs, home / "g")
    assert list(ours.table.index) == list(others.table.index) == [f"{row}.png" for row in SHOWN]
    assert others.tiles is not None and others.tiles.vectors.shape == (len(Gallery.open(home / "g")), 64)
    found = compared(others, ours)
    assert sum(found.counts.values()) == len(SHOWN) and not (found.only_before or found.only_after or found.notes)
    assert gallery_main(["inspect", str(theirs), "--against", str(mine)]) == 0
    assert f"{len(SHOWN)} shared queries" in capsys.readouterr().out
    page = InspectionService(Engine(lambda: None), theirs, home / "g")  # type: ignore[arg-type, return-value]
    before_, on_page = page.compared(mine)
    assert dict(on_page.counts) == dict(compared(ours, others).counts)
    assert page.tile(page.strip_of(before_, "3.png", near_m=50)[0].tile_id) is not None
    after = {path.name: (digest(path), path.stat().st_mtime_ns) for path in (home / "g").iterdir()}
    assert after == before, "nothing is written into the user's gallery"


def test_figures_are_those_of_a_gallery_that_the_model_built(home, models, tmp_path, capsys):
    mine, theirs = json.loads(say(capsys, *models, *asked(home), "--json"))
    alone = json.loads(say(capsys, *models[:2], *asked(home), "--json"))
    assert {key: mine[key] for key in alone} == alone, "with one model all is as it was"
    assert set(mine) - set(alone) == {"label", "cost"}
    with load_model(str(models[3]), precision="float32") as embedder:
        build_gallery(home / "region.tif", tmp_path / "built", embedder, tile_size_m=80)
    built = ("--dataset", f"gallery:{tmp_path / 'built'}", *asked(home)[2:])
    again = json.loads(say(capsys, *models[2:], *built, "--json"))
    assert {**again, "searched": "g"} == {key: theirs[key] for key in again}
    assert theirs["fingerprint"] == Gallery.open(tmp_path / "built").fingerprint
    cost = theirs["cost"]
    network = timm.create_model("test_convnext", num_classes=0)
    assert cost["inference_params_m"] * 1e6 == pytest.approx(sum(one.numel() for one in network.parameters()))
    assert (cost["dimension"], cost["image_size"], cost["precision"]) == (64, 160, "float32")
    assert cost["images_per_s"] > 0 and cost["gflops_per_photo"] > 0


def test_kept_tiles_are_used_again_and_serve_the_app(home, models, tmp_path, capsys):
    kept = tmp_path / "kept"
    line = (*asked(home), "--galleries", kept, "--json")
    first = json.loads(say(capsys, *models, *line))
    [folder] = [path for path in kept.iterdir() if path.is_dir()]
    assert folder.name.startswith("g-timm-test-convnext-")
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    alone = json.loads(say(capsys, *models[2:], *line))  # one model, too
    assert alone["recall"] == first[1]["recall"]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times
    with load_model(Gallery.open(folder).model_source) as embedder:
        assert embedder.fingerprint == first[1]["fingerprint"]
    assert "embedded by the model tiny" in refusal(capsys, *models[2:], *asked(home))


def test_datasets_of_places_in_both_protocols(home, models, tmp_path, capsys):
    line = ("--dataset", f"university1652:{home / 'uni'}", "--protocol", "both", "--out", tmp_path / "r.parquet")
    words = say(capsys, *models, *line)
    assert words.count("Images/s\n") == 2 and "paper protocol (gallery without" in words
    reports = [tmp_path / f"r-{name}-drone-to-satellite-{protocol}-normal.parquet" for name, protocol in
               (("tiny", "full"), ("timm-test-convnext", "full"))]  # fmt: skip
    assert len(list(tmp_path.glob("*.parquet"))) == 4
    one, two = map(open_inspection, reports)
    assert list(one.table.index) == list(two.table.index) and not compared(one, two).notes
    assert one.report.summary["model"] == "tiny" and two.report.summary["model"] == TIMM


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("none.pth", "There are no weights none.pth"),
        ("timm:no_such_net", "timm knows no model no_such_net"),
        ("torn.pth", "torn.pth"),
    ],
)
def test_a_model_that_cannot_be_loaded_stops_before_anything_long(home, models, tmp_path, capsys, source, said):
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    source = str(tmp_path / source) if source == "torn.pth" else source
    line = (*asked(home), "--out", tmp_path / "r.parquet", "--galleries", tmp_path / "kept")
    assert said in refusal(capsys, *models, "--model", source, *line)
    assert [path.name for path in tmp_path.iterdir()] == ["torn.pth"]


def test_what_does_not_fit_is_one_sentence(home, models, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    uni = f"university1652:{home / 'uni'}"
    for line, said in (
        ((*asked(home)[:2], "--photos", tmp_path / "empty"), "There are no pictures in empty"),
        (("--dataset", f"gallery:{home / 'photos'}", "--photos", home / "photos"), "photos is no gallery"),
        (("--dataset", "university1652:nowhere"), "There are no pictures in nowhere"),
        (("--dataset", uni, "--galleries", tmp_path), "--galleries belongs to gallery and world"),
        ((*asked(home), "--out", tmp_path / "no" / "r.parquet"), "There is no folder no to write"),
    ):
        assert said in refusal(capsys, *models, *line), said


def test_speed_is_that_of_pictures_that_can_be_read(home, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with load_model(home / "tiny", precision="float32") as embedder:
        files = [tmp_path / "bad.jpg", home / "photos" / "3.png"]
        assert 0 < compare.images_per_second(embedder, files) < np.inf
        with pytest.raises(MissingPart, match="None of the 1 pictures"):
            compare.images_per_second(embedder, files[:1])


def test_the_same_weights_twice_keep_apart(home, tmp_path):
    copy = shutil.copytree(home / "tiny", tmp_path / "other" / "tiny")
    request = PlacesOptions(f"university1652:{home / 'uni'}", progress=False)
    found = list(compare.run(request, [str(home / "tiny"), str(copy)]))
    assert [one["label"] for one in found] == ["tiny", "tiny-2"] and len({one["ap"] for one in found}) == 1
    rows = [line.split()[0] for line in compare.table(found).splitlines() if " px " in line]
    assert rows == ["tiny", "tiny-2"]


@settings(max_examples=50)
@given(st.lists(st.text(max_size=60) | st.sampled_from(["a", "A", "a-2", "user/name@main", "../x.pth"]), max_size=8))
def test_names_for_files_are_safe_and_tell_apart_in_any_writing(names):
    found = names_for_files(names)
    assert len({one.lower() for one in found}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", one) and len(one) <= 44 for one in found)
