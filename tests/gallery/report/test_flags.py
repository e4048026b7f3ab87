"""Flags: twins against brute force, thresholds, and what explains the errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gallery.report.flags import COLUMNS, FLAGS, SOURCES, Thresholds, causes, twins_of
from gallery.report.report import read_report, write_report
from gallery.report.table import inspection_of, open_inspection
from gallery.report.tiles import Tiles
from tests.helpers.report_files import made_report, made_rows, unit


def some_tiles(seed: int, count: int = 12, places: int = 5, boxes: bool = False) -> Tiles:
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 5, (count, 2))
    return Tiles(
        ids=np.array([f"t{number}" for number in range(count)], object),
        vectors=unit(random.standard_normal((count, 4))).astype(np.float16),
        lons=np.zeros(count),
        lats=np.zeros(count),
        places=None if boxes else np.array([f"p{number}" for number in random.integers(0, places, count)], object),
        boxes=np.concatenate([corner, corner + random.uniform(0.5, 2, (count, 2))], axis=1) if boxes else None,
    )


def same_place(tiles: Tiles, a: int, b: int) -> bool:
    if tiles.places is not None and tiles.places[a] == tiles.places[b]:
        return True
    if tiles.boxes is None:
        return a == b
    (west, south, east, north), (west2, south2, east2, north2) = tiles.boxes[a], tiles.boxes[b]
    return west < east2 and west2 < east and south < north2 and south2 < north


@given(seed=st.integers(0, 10_000), boxes=st.booleans(), chunk=st.sampled_from([1, 30, 10**6]))
@settings(max_examples=40)
def test_twins_are_those_of_brute_force(seed, boxes, chunk):
    tiles = some_tiles(seed, boxes=boxes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gallery.report.flags.CHUNK_ELEMENTS", chunk)
        found = twins_of(np.array(["t3", "t7", "elsewhere"], object), tiles)
    vectors = tiles.vectors.astype(np.float32)
    for name in ("t3", "t7"):
        row = tiles.rows[name]
        others = [other for other in range(12) if not same_place(tiles, row, other)]
        if not others:
            assert name not in found.index
            continue
        best = max(others, key=lambda other: vectors[row] @ vectors[other])
        assert found.loc[name, "twin"] == tiles.ids[best]
        assert found.loc[name, "cosine"] == pytest.approx(vectors[row] @ vectors[best], abs=1e-6)
    assert "elsewhere" not in found.index


def test_boxes_meet_over_the_180th_meridian():
    boxes = np.array([[179.9, 0, 180.1, 1], [-180.05, 0, -179.8, 1], [100, 0, 101, 1.0]])
    tiles = Tiles(np.array(list("abc"), object), np.eye(3, dtype=np.float16), np.zeros(3), np.zeros(3), boxes=boxes)
    assert twins_of(np.array(["a"], object), tiles).loc["a", "twin"] == "c"


def test_the_twins_of_the_made_report_are_found(tmp_path):
    table = open_inspection(made_report(tmp_path / "r.parquet", 600)).table
    flagged = table[table["flag_twin"]]
    assert set(flagged["true_tile"]) == {"t000_000", "t006_006"}
    assert all(flagged["twin_tile"] == flagged["true_tile"].map({"t000_000": "t006_006", "t006_006": "t000_000"}))
    assert (
        open_inspection(tmp_path / "r.parquet", thresholds=Thresholds(twin_cosine=1.01)).table["flag_twin"].sum() == 0
    )


def test_blurred_and_dark_photos_stand_out(tmp_path):
    table = open_inspection(made_report(tmp_path / "r.parquet", 200)).table
    numbers = np.arange(200)
    assert set(table.index[table["flag_blurred"]]) >= set(table.index[numbers % 29 == 3])
    assert set(table.index[table["flag_dark"]]) >= set(table.index[numbers % 31 == 5])
    assert table["flag_blurred"].mean() < 0.1 and table["flag_dark"].mean() < 0.1


def test_photos_that_are_all_alike_carry_no_flag(tmp_path):
    rows = [replace(row, sharpness=900.0 - n % 7, brightness=12.0) for n, row in enumerate(made_rows(50))]
    write_report(tmp_path / "r.parquet", rows, {})
    table = inspection_of(read_report(tmp_path / "r.parquet")).table
    assert not table["flag_blurred"].any() and not table["flag_dark"].any()


def test_only_wrong_answers_overlap(tmp_path):
    table = open_inspection(made_report(tmp_path / "r.parquet", 500, noise=1.3)).table
    assert (table["flag_overlap"] == (~table["right"] & (table["top_overlap"] >= 0.1))).all()
    assert table["flag_overlap"].any()


def test_causes_count_the_errors_once(tmp_path):
    table = open_inspection(made_report(tmp_path / "r.parquet", 800)).table
    table.loc[table.index[:100], "flag_outside"] = True
    found = causes(table)
    wrong = table[~table["right"]]
    by_hand = {"ambiguous": 0, "gallery": 0, "photo": 0, "unexplained": 0}
    for _, row in wrong.iterrows():
        ambiguous = row["flag_twin"] or row["flag_overlap"]
        gallery, photo = ambiguous or row["flag_outside"], row["flag_blurred"] or row["flag_dark"]
        by_hand["ambiguous"] += ambiguous
        by_hand["gallery" if gallery else "photo" if photo else "unexplained"] += 1
    assert {name: getattr(found, name) for name in by_hand} == by_hand
    assert found.errors == len(wrong) == found.gallery + found.photo + found.unexplained
    assert f"{found.ambiguous} of {found.errors} errors are ambiguous tiles" in found.sentence


def test_the_sentence_knows_one_and_none():
    table = pd.DataFrame({"right": [False]}).assign(**dict.fromkeys(COLUMNS.values(), False))
    table = table.assign(**dict.fromkeys(SOURCES.values(), 1.0))
    assert causes(table.assign(flag_twin=True)).sentence == (
        "1 of 1 error is an ambiguous tile (1 with a twin, 0 overlapping the true tile); 0 carry no flag."
    )
    assert causes(table.assign(right=True)).sentence == "No answer is wrong."
    assert causes(table.assign(twin_cosine=np.nan)).sentence.endswith("Unknown in this report: twin.")


def test_every_flag_has_words_a_column_and_a_source(tmp_path):
    table = open_inspection(made_report(tmp_path / "r.parquet", 5)).table
    assert set(FLAGS) == set(COLUMNS) == set(SOURCES)
    assert {*COLUMNS.values(), *SOURCES.values()} <= set(table)
