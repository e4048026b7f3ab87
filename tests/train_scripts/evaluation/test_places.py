"""Evaluation on datasets of places: figures of a brute-force twin, counts of both protocols, reports, bad input."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery.metrics import evaluate
from gallery.report.report import read_report
from gallery.report.tiles import read_tiles
from tests.helpers.evaluate_line import refusal, say
from train_scripts.data.loading.weather import CONDITIONS
from train_scripts.data.readers.dataset import BOTH_WAYS
from train_scripts.data.readers.expected import MADE_FILE
from train_scripts.data.simulator.make_dataset import Size, make_denseuav, make_sues200, make_university1652
from train_scripts.errors import BadRequest, MissingPart
from train_scripts.evaluation.paper_comparison import our_rows, read_summaries
from train_scripts.evaluation.places import PlacesOptions, run
from train_scripts.evaluation.text import of_places
from train_scripts.figures.embeddings import report_vectors


@pytest.fixture
def uni(home, tmp_path):
    """A copy to spoil; no file in it shares its content with another."""
    return Path(shutil.copytree(home / "uni", tmp_path / "uni"))


def ask(home, dataset, **options):
    return list(run(PlacesOptions(dataset, model=str(home / "tiny"), progress=False, **options)))


def published_loop(queries, query_places, gallery, gallery_places, junk):
    """R@1 and AP of the published evaluation, one query after another, in plain Python."""
    hits, total = 0, 0.0
    for vector, place in zip(queries, query_places, strict=True):
        order = sorted(range(len(gallery)), key=lambda row: -float(gallery[row] @ vector))
        order = [gallery_places[row] for row in order if gallery_places[row] not in junk]
        ranks = [rank for rank, other in enumerate(order) if other == place]
        hits += ranks[0] == 0
        for number, rank in enumerate(ranks):
            before = number / rank if rank else 1.0
            total += (before + (number + 1) / (rank + 1)) / 2 / len(ranks)
    return 100 * hits / len(queries), 100 * total / len(queries)


@pytest.mark.parametrize("protocol", ["paper", "full"])
@pytest.mark.parametrize("direction", BOTH_WAYS)
def test_figures_are_those_of_a_loop_over_files(home, embedder, direction, protocol):
    asking, searched = direction.split("-to-")
    queries = sorted((home / "uni/test" / f"query_{asking}").rglob("*.jp*g"))
    gallery = sorted((home / "uni/test" / f"gallery_{searched}").rglob("*.jp*g"))
    asked = {file.parent.name for file in queries}
    junk = {file.parent.name for file in gallery} - asked if protocol == "paper" else set()
    r1, ap = published_loop(
        embedder.embed(queries),
        [file.parent.name for file in queries],
        embedder.embed(gallery),
        [file.parent.name for file in gallery],
        junk,
    )
    (found,) = ask(home, f"university1652:{home / 'uni'}", protocols=(protocol,), directions=(direction,))
    assert found["recall"]["1"] == pytest.approx(r1, abs=1e-4) and found["ap"] == pytest.approx(ap)
    assert 0 < ap < 100  # chance alone, so that the comparison says something
    assert (found["protocol"], found["direction"]) == (protocol, direction)


def test_both_protocols_both_ways_by_the_command_line(home, capsys):
    common = ("--model", home / "tiny", "--dataset", f"university1652:{home / 'uni'}")
    found = json.loads(say(capsys, *common, "--direction", "both", "--protocol", "both", "--json"))
    counts = [(one["queries"], one["gallery"], one["gallery_removed"]) for one in found]
    assert counts == [(10, 3, 2), (10, 5, 0), (3, 10, 6), (3, 16, 0)]
    assert [one["protocol"] for one in found] == ["paper", "full", "paper", "full"]
    (one,) = [json.loads(say(capsys, *common, "--json"))]
    assert one == found[0]  # the default: drone to satellite, as the paper does
    assert set(one["recall"]) == {"1", "5", "10", "1%"} and (one["model"], one["dataset"]) == ("tiny", "university1652")
    assert one["data"] == "procedural" and one["params_m"] > 0 and one["gflops"] > 0
    assert one["positions"]["queries"] == 10 and one["positions"]["ma"]["1"] == pytest.approx(one["recall"]["1"])
    words = say(capsys, *common, "--protocol", "full")
    assert "full protocol (whole gallery): 10 queries against 5" in words and "procedural data" in words
    assert "Table" not in words
    words = say(capsys, *common, "--direction", "both")
    assert "Table I." in words and "* tiny on procedural" in words and "minus" not in words  # other data: no difference


def test_the_report_says_what_the_summary_counts(home, tmp_path):
    file = tmp_path / "report.parquet"
    (found,) = ask(home, f"university1652:{home / 'uni'}", protocols=("full",), out=file)
    report = read_report(file)
    rows = report.rows
    assert (rows["truth_rank"] == 1).mean() * 100 == pytest.approx(found["recall"]["1"], abs=1e-4)
    assert ((rows["margin"] > 0) == (rows["truth_rank"] == 1)).all()
    assert {key: found[key] for key in report.summary if key != "root"} == {
        key: value for key, value in report.summary.items() if key != "root"
    }
    for row in rows.itertuples():
        assert (tmp_path / row.image).is_file()
        assert all((tmp_path / report.summary["root"] / tile).is_file() for tile in row.tile_ids)
        assert Path(row.true_tile_id).parent.name == Path(row.id).parent.name
        assert list(row.scores) == sorted(row.scores, reverse=True) and len(row.scores) == 5
        assert row.tile_ids[row.truth_rank - 1] == row.true_tile_id
        assert (row.error_m < 1) == (row.truth_rank == 1)
        assert row.place == Path(row.id).parent.name and row.tile_places[row.truth_rank - 1] == row.place
        assert [place == row.place for place in row.tile_places] == list(row.tile_true)
        assert row.tile_m[0] == pytest.approx(row.error_m, abs=0.01) and row.covered and row.sharpness > 0
    assert read_summaries(file)[0]["ap"] == found["ap"] == pytest.approx(100 * rows["ap"].mean())


def test_the_report_keeps_the_embeddings_and_small_pictures(home, tmp_path):
    file = tmp_path / "report.parquet"
    for protocol, ranked in (("full", 5), ("paper", 3)):
        ask(home, f"university1652:{home / 'uni'}", protocols=(protocol,), out=file, thumbnail_px=24)
        report = read_report(file)
        tiles, vectors = read_tiles(report), report.vectors()
        assert len(tiles.ids) == ranked and all(tile.split("/")[-2] in tile for tile in tiles.ids)
        for row, vector in zip(report.rows.itertuples(), vectors, strict=True):
            found = [tiles.vectors[tiles.rows[tile]].astype(float) @ vector for tile in row.tile_ids]
            assert found == pytest.approx(list(row.scores), abs=2e-3)  # half precision
        assert max(Image.open(io.BytesIO(report.thumbnail(report.rows["id"][0]))).size) == 24


def test_embeddings_are_written_for_the_figures(home, tmp_path):
    (found,) = ask(home, f"university1652:{home / 'uni'}", out=tmp_path / "r.parquet")
    again = evaluate(*report_vectors(read_report(tmp_path / "r.parquet")))
    assert again.ap == pytest.approx(found["ap"], abs=0.5)  # as half floats


def test_ten_conditions_make_table_two(home, tmp_path, capsys):
    out = tmp_path / "weather.parquet"
    words = say(
        capsys, "--model", home / "tiny", "--dataset", f"university1652:{home / 'uni'}", "--condition", "all",
        "--out", out,
    )  # fmt: skip
    assert "Table II." in words and "Table I. U" not in words
    (line,) = [line for line in words.splitlines() if line.startswith("* tiny on procedural")]
    assert line.split()[4] == "paper" and sum("/" in cell and "-" not in cell for cell in line.split()) == 10
    files = sorted(tmp_path.glob("*.parquet"))
    summaries = [summary for file in files for summary in read_summaries(file)]
    assert {summary["condition"] for summary in summaries} == set(CONDITIONS) and len(files) == 10
    (row,) = our_rows("II", summaries)
    assert len(row.scores) == 10
    assert set(read_report(out.with_name("weather-drone-to-satellite-paper-fog.parquet")).rows["condition"]) == {"fog"}


def test_multi_query_asks_once_a_place(home, embedder):
    (found,) = ask(home, f"university1652:{home / 'uni'}", multi_query=True, protocols=("full",))
    assert (found["queries"], found["gallery"], found["multi_query"]) == (3, 5, True)
    places = sorted((home / "uni/test/query_drone").iterdir())
    means = [embedder.embed(sorted(place.iterdir())).mean(axis=0) for place in places]
    tiles = sorted((home / "uni/test/gallery_satellite").rglob("*.jpg"))
    names = [place.name for place in places], [tile.parent.name for tile in tiles]
    r1, ap = published_loop(means, names[0], embedder.embed(tiles), names[1], set())
    assert found["recall"]["1"] == pytest.approx(r1, abs=1e-4) and found["ap"] == pytest.approx(ap)
    assert "multi-query" in of_places(found)


def test_an_unreadable_picture_ends_the_run_or_is_named_and_left_out(home, uni, capsys):
    spoilt = uni / "test/query_drone/0001/image-02.jpeg"
    spoilt.write_bytes(b"\xff\xd8\xff no picture")
    common = ("--model", home / "tiny", "--dataset", f"university1652:{uni}")
    said = refusal(capsys, *common)
    assert "drone/0001/image-02.jpeg cannot be used" in said and "--skip-unreadable" in said and str(uni) not in said
    found = json.loads(say(capsys, *common, "--skip-unreadable", "--json"))
    assert (found["queries"], found["unreadable"]) == (9, ["query_drone/0001/image-02.jpeg"])
    assert "Left out as unreadable (1): query_drone/0001/image-02.jpeg." in of_places(found)


def test_queries_without_a_match_count_as_failures_and_are_named(home, uni):
    (uni / "test/gallery_satellite/0002/0002.jpg").write_bytes(b"")
    found = ask(home, f"university1652:{uni}", skip_unreadable=True, protocols=("paper", "full"))
    assert [(one["queries"], one["without_match"]) for one in found] == [(10, 3), (10, 3)]
    assert all(
        any("3 of 10 queries have no match" in note and "0002" in note for note in one["notes"]) for one in found
    )
    (row,) = [one for one in found if one["protocol"] == "paper"]
    assert row["gallery"] == 2 and row["recall"]["10"] == pytest.approx(70)
    for file in (uni / "test/query_drone").rglob("*.jpeg"):
        file.write_bytes(b"")
    with pytest.raises(MissingPart, match="None of the 10 pictures"):
        ask(home, f"university1652:{uni}", skip_unreadable=True)


def test_a_report_of_queries_without_match_has_no_true_tile(home, uni, tmp_path):
    shutil.rmtree(uni / "test/gallery_satellite/0002")
    ask(home, f"university1652:{uni}", out=tmp_path / "r.parquet")
    rows = read_report(tmp_path / "r.parquet").rows
    lost = rows["id"].str.contains("/0002/")
    assert rows[lost][["truth_rank", "true_tile_id", "margin"]].isna().all(axis=None)
    assert rows[~lost]["truth_rank"].notna().all()


def test_only_made_datasets_are_called_procedural(home, uni):
    (uni / MADE_FILE).unlink()
    (found,) = ask(home, f"university1652:{uni}")
    assert found["data"] is None
    assert any("10 queries, published 37,855" in note for note in found["notes"])  # what differs is said instead
    inside = uni.with_name("above")
    inside.mkdir()
    shutil.copytree(home / "uni", inside / "University-Release")
    assert ask(home, f"university1652:{inside}")[0]["data"] == "procedural"


def test_heights_are_measured_one_by_one_or_mixed(home, tmp_path):
    make_sues200(tmp_path / "sues", Size(train=1, test=2, views=2, size_px=32))
    spec = f"sues200:{tmp_path / 'sues'}"
    found = ask(home, spec, height="all", trained_on="university1652")
    assert [(one["height_m"], one["queries"], one["gallery"], one["gallery_removed"]) for one in found] == [
        (height, 4, 2, 1) for height in (150, 200, 250, 300)
    ]
    assert len(our_rows("V", found)[0].scores) == 4 and not our_rows("III", found)
    assert all(one["positions"] is None for one in found)  # SUES-200 has none
    (single,) = ask(home, spec, height="250", trained_on="university1652")
    assert single == found[2]
    (mixed,) = ask(home, spec)
    assert (mixed["height_m"], mixed["queries"]) == ("mixed", 16)
    assert "--height all" in mixed["notes"][-1] and not any("--height all" in note for note in single["notes"])
    with pytest.raises(BadRequest, match="Choose 150, 200, 250, 300, mixed, or all"):
        ask(home, spec, height="170")


def test_street_views_ask_and_are_searched(tmp_path, home, capsys):
    make_university1652(tmp_path / "uni", Size(train=1, test=2, distractors=2, views=1, size_px=32), street=True)
    common = ("--model", home / "tiny", "--dataset", f"university1652:{tmp_path / 'uni'}", "--protocol", "both")
    for direction, counts in (
        ("street-to-satellite", [(4, 2, 2), (4, 4, 0)]),
        ("satellite-to-street", [(2, 4, 2), (2, 6, 0)]),
        ("drone-to-street", [(3, 4, 2), (3, 6, 0)]),
    ):
        found = json.loads(say(capsys, *common, "--direction", direction, "--json"))
        assert [(one["queries"], one["gallery"], one["gallery_removed"]) for one in found] == counts
        assert {one["direction"] for one in found} == {direction} and not any("missing" in str(one) for one in found)
    assert "Table" not in say(capsys, *common, "--direction", "street-to-satellite")
    (mean,) = [json.loads(say(capsys, *common[:4], "--direction", "street-to-satellite", "--multi-query", "--json"))]
    assert (mean["queries"], mean["multi_query"]) == (2, True)
    assert "no google picture in the gallery" in refusal(capsys, *common, "--direction", "drone-to-google")
    assert "There is no direction 'up-to-down'" in refusal(capsys, *common, "--direction", "up-to-down")


def test_plain_folders_are_searched_for_web_pictures(tmp_path, home, capsys):
    for place in ("a", "b"):
        for view in ("drone", "google"):
            (tmp_path / "own" / place / view).mkdir(parents=True)
            Image.new("RGB", (40, 40), (9, 90, 30)).save(tmp_path / "own" / place / view / "1.png")
    (found,) = ask(home, f"folders:{tmp_path / 'own'}", directions=("drone-to-google",))
    assert (found["queries"], found["gallery"], found["direction"]) == (2, 2, "drone-to-google")
    spec = ("--model", home / "tiny", "--dataset", f"folders:{tmp_path / 'own'}", "--direction", "drone-to-google")
    assert json.loads(say(capsys, *spec, "--json"))["protocol"] == "full"  # no table of the paper is about it


def test_denseuav_has_distances(home, tmp_path):
    make_denseuav(tmp_path / "dense", Size(train=1, test=2, size_px=32))
    (found,) = ask(home, f"denseuav:{tmp_path / 'dense'}", protocols=("full",), height="80")
    assert (found["queries"], found["gallery"], found["height_m"]) == (2, 6, 80)
    assert found["positions"]["dis_m"]["10"] == pytest.approx(np.mean([0, 0, 40, 40, 40, 80]), rel=0.5)
    assert set(found["positions"]) == {"sdm_degrees", "sdm_metres", "ma", "dis_m", "queries"}
    for tiles in ("new", "old"):
        (some,) = ask(home, f"denseuav:{tmp_path / 'dense'}", protocols=("full",), height="80", tiles=tiles)
        assert (some["queries"], some["gallery"], some["tiles"]) == (2, 3, tiles)
    with pytest.raises(BadRequest, match="denseuav has no street pictures, only drone and satellite ones"):
        ask(home, f"denseuav:{tmp_path / 'dense'}", directions=("satellite-to-street",))


def test_positions_may_be_missing(home, uni, tmp_path):
    (uni / "positions.kml").unlink()
    assert ask(home, f"university1652:{uni}")[0]["positions"] is None
    some = tmp_path / "some.csv"
    some.write_text("place,lon,lat\n" + "".join(f"{place},170.0,12.0{place}\n" for place in ("0000", "0001", "0002")))
    paper, full = ask(home, f"university1652:{uni}", positions=some, protocols=("paper", "full"))
    assert paper["positions"]["queries"] == 10  # what the paper's protocol removes need not lie anywhere
    assert full["positions"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "university:x"], "no kind of dataset 'university'"),
        (["--dataset", "university1652:/tmp/nowhere-at-all"], "no folder nowhere-at-all"),
        (["--dataset", "UNI", "--height", "150"], "--height belongs to sues200 and denseuav, not to university1652"),
        (["--dataset", "UNI", "--condition", "hail"], "no condition 'hail'"),
        (["--dataset", "UNI", "--protocol", "strict"], "invalid choice: 'strict'"),
        (["--dataset", "UNI", "--tiles", "old"], "--tiles belongs to denseuav, not to university1652"),
        (["--dataset", "UNI", "--gallery", "x"], "--gallery belongs to world, not to university1652"),
        (["--dataset", "UNI", "--out", "no-such-folder/r.parquet"], "no folder no-such-folder"),
        (["--dataset", "UNI", "--out", "r.txt"], "must end in .parquet"),
        (["--dataset", "UNI", "--batch", "0"], "at least 1"),
        (["--dataset", "UNI", "--model", "no-such-weights/"], "no weights no-such-weights"),
        (["--dataset", "UNI", "--positions", "no.csv"], "no.csv"),
    ],
)
def test_mistakes_end_in_one_line(home, capsys, arguments, said):
    arguments = [f"university1652:{home / 'uni'}" if part == "UNI" else part for part in arguments]
    line = refusal(capsys, "--model", home / "tiny", *arguments)
    assert said in line and line.startswith("python -m train_scripts.evaluate: ") and str(home) not in line
