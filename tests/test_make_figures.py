"""The command line of the figures, on a small gallery and a report of it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mean_model
from gallery import Gallery, Localizer, build_gallery
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.report import QueryRow, read_report, row_of, write_report
from train_scripts import make_figures
from train_scripts.make_figures import (
    VECTORS,
    Vectors,
    chosen_rows,
    covering,
    embed_report,
    main,
    named_file,
    our_point,
    published_points,
    read_vectors,
    strips_of,
    write_vectors,
)
from train_scripts.tables import PAPER


@pytest.fixture
def place(tmp_path, make_raster, embedder):
    """A gallery, photos cut from its tiles, and the report of their search; the last query has a false truth."""
    build_gallery([make_raster()], tmp_path / "tiles", embedder, tile_size_m=60, overlap=0.5)
    gallery = Gallery.open(tmp_path / "tiles")
    localizer = Localizer(gallery, embedder)
    (tmp_path / "photos").mkdir()
    rows = []
    numbers = np.linspace(0, len(gallery) - 1, 6).astype(int)
    for i, number in enumerate(numbers):
        tile = gallery.tile(int(number))
        file = tmp_path / "photos" / f"q{i}.png"
        gallery.image(tile, 128).save(file)
        truth = tile.centre if i < 5 else gallery.tile(int(numbers[2])).centre
        rows.append(row_of(localizer.localize(file, k=3), f"q{i}", file.name, truth, condition="fog" if i else None))
    write_report(tmp_path / "report.parquet", rows, {})
    return tmp_path


@pytest.fixture
def gallery(place):
    return Gallery.open(place / "tiles")


def run(place, *arguments: str) -> None:
    main([argument.format(here=place) for argument in arguments])


STRIPS = ("strips", "{here}/report.parquet", "--gallery", "{here}/tiles", "--photos", "{here}/photos")


# --- strips ---


def test_strips_know_right_from_wrong(place, gallery):
    rows = read_report(place / "report.parquet").rows
    strips = strips_of(rows, gallery, [place / "photos"], k=3)
    assert len(strips) == 6 and all(len(strip.ranked) == 3 for strip in strips)
    for strip, row in zip(strips, rows.itertuples(), strict=True):
        truth = LonLat(row.true_lon, row.true_lat)
        tiles = [gallery.tile(gallery.tiles["id"].tolist().index(name)) for name in row.tile_ids]
        assert [shown.right for shown in strip.ranked] == [tile.contains(truth) for tile in tiles]
        assert strip.query.picture is not None and strip.query.caption.startswith(row.id)
        assert strip.ranked[0].caption.startswith(f"{row.scores[0]:.3f} · ")
    assert strips[0].ranked[0].right and strips[0].ranked[0].caption.endswith(" · 0 m") and strips[0].truth is None
    assert strips[1].query.caption == "q1 · fog"


def test_a_missing_truth_stands_at_the_end(place, gallery):
    rows = read_report(place / "report.parquet").rows
    strip = strips_of(rows, gallery, [place / "photos"], k=2)[-1]
    assert not any(shown.right for shown in strip.ranked)
    assert strip.truth is not None and strip.truth.right and strip.truth.caption == "0 m"


def test_without_any_truth_nothing_is_judged(place, gallery):
    name = gallery.tile(0).id
    write_report(place / "bare.parquet", [QueryRow("q", "gone.png", [name], [0.5])], {})
    (strip,) = strips_of(read_report(place / "bare.parquet").rows, gallery, [place], k=3)
    assert strip.ranked[0].right is None and strip.ranked[0].caption == "0.500"
    assert strip.query.picture is None and strip.truth is None


def test_a_true_tile_by_name_needs_no_position(place, gallery):
    names = gallery.tiles["id"].tolist()
    rows = [
        QueryRow("found", "q0.png", names[:2], [0.5, 0.4], true_tile_id=names[1]),
        QueryRow("missed", "q0.png", names[:2], [0.5, 0.4], true_tile_id=names[5]),
    ]
    write_report(place / "names.parquet", rows, {})
    found, missed = strips_of(read_report(place / "names.parquet").rows, gallery, [place / "photos"], k=2)
    assert [shown.right for shown in found.ranked] == [False, True] and found.truth is None
    assert missed.truth is not None and missed.truth.right


def test_a_damaged_photo_leaves_an_empty_field(place, gallery):
    (place / "photos" / "q0.png").write_bytes(b"no picture")
    rows = read_report(place / "report.parquet").rows[:1]
    assert strips_of(rows, gallery, [place / "photos"], k=1)[0].query.picture is None


def test_tiles_of_another_gallery_are_named(place, gallery):
    write_report(place / "other.parquet", [QueryRow("q", "a.jpg", ["elsewhere"], [0.5])], {})
    with pytest.raises(GalleryError, match="has no tile elsewhere"):
        strips_of(read_report(place / "other.parquet").rows, gallery, [place], k=3)


def test_rows_are_chosen_evenly_and_by_answer(place):
    report = read_report(place / "report.parquet")
    assert chosen_rows(report, "all", 3)["id"].tolist() == ["q0", "q2", "q5"]
    assert chosen_rows(report, "all", 99)["id"].tolist() == [f"q{i}" for i in range(6)]
    right, wrong = (set(chosen_rows(report, show, 99)["id"]) for show in ("right", "wrong"))
    assert right | wrong == {f"q{i}" for i in range(6)} and not right & wrong and "q5" in wrong
    assert chosen_rows(report, "all", 1, ["q4", "q1"])["id"].tolist() == ["q4", "q1"]
    with pytest.raises(GalleryError, match="no query q9"):
        chosen_rows(report, "all", 1, ["q9"])
    with pytest.raises(GalleryError, match="no wrong answer"):
        chosen_rows(replace(report, rows=report.rows[report.rows["truth_rank"] == 1]), "wrong", 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pdf"])
def test_a_sheet_is_written(place, suffix):
    run(place, *STRIPS, "--out", f"{{here}}/sheet{suffix}", "--queries", "2", "-k", "2", "--side-px", "64")
    assert (place / f"sheet{suffix}").stat().st_size > 1000
    assert not list(place.glob("*unfinished*"))
    if suffix == ".png":
        with Image.open(place / "sheet.png") as sheet:
            assert sheet.width > 3 * 64 and sheet.height > 2 * 64


# --- vectors ---


@pytest.fixture
def fake_model(monkeypatch, embedder):
    embedder.close = lambda: None
    monkeypatch.setitem(mean_model.__dict__, "load_model", lambda source: embedder)  # setattr would load torch first
    return embedder


def test_a_report_is_embedded_with_its_places(place, gallery, fake_model):
    report = read_report(place / "report.parquet")
    held = embed_report(report, gallery, [place / "photos"], "any")
    assert held.query_vectors.shape == (6, gallery.dimension) and len(held.gallery_labels) == len(gallery)
    for row, label in zip(report.rows.itertuples(), held.query_labels, strict=True):
        assert gallery.tile(int(label)).centre.lon == pytest.approx(row.true_lon, abs=1e-9)
        assert held.gallery_labels[label] == label
        others = set(covering(gallery, LonLat(row.true_lon, row.true_lat))) - set(held.query_labels.tolist())
        assert others and (held.gallery_labels[sorted(others)] == -1).all()
    assert held.query_labels[5] == held.query_labels[2]


def test_photos_that_are_not_there_and_other_models(place, gallery, fake_model):
    report = read_report(place / "report.parquet")
    with pytest.raises(GalleryError, match=r"q0\.png is not beside the report"):
        embed_report(report, gallery, [place], "any")
    fake_model.fingerprint = "other"
    with pytest.raises(GalleryError, match="embedded by the model"):
        embed_report(report, gallery, [place / "photos"], "any")
    bare = replace(report, rows=report.rows.assign(true_lon=np.nan))
    with pytest.raises(GalleryError, match="No query of the report has a true position"):
        embed_report(bare, gallery, [place], "any")


def test_vectors_there_and_back_and_into_both_figures(place, fake_model):
    run(place, "vectors", *STRIPS[1:], "--out", "{here}/v.npz")
    assert set(np.load(place / "v.npz")) == set(VECTORS)
    run(place, "distances", "A={here}/v.npz", "B={here}/v.npz", "--out", "{here}/d.svg")
    assert (place / "d.svg").stat().st_size > 5000
    for method in ("tsne", "pca"):
        run(place, "embeddings", "{here}/v.npz", "--method", method, "--places", "4", "--out", f"{{here}}/{method}.png")
        assert (place / f"{method}.png").stat().st_size > 5000


def test_files_that_hold_no_vectors(tmp_path):
    with pytest.raises(GalleryError, match=r"no file v\.npz"):
        read_vectors(tmp_path / "v.npz")
    good = Vectors(np.eye(2), np.arange(2), np.eye(2), np.arange(2))
    (tmp_path / "text.npz").write_text("text")
    np.save(tmp_path / "array.npy", np.eye(2))
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "objects.npz", **{name: np.array([{}], object) for name in VECTORS})
    for name in ("text.npz", "array.npy", "empty.npz", "objects.npz"):
        with pytest.raises(GalleryError, match=r"is no \.npz file of embeddings"):
            read_vectors(tmp_path / name)
    np.savez(tmp_path / "part.npz", query_vectors=np.eye(2))
    with pytest.raises(GalleryError, match="lacks query_labels"):
        read_vectors(tmp_path / "part.npz")
    write_vectors(tmp_path / "names.npz", replace(good, query_labels=np.array(["a", "b"])))
    with pytest.raises(GalleryError, match="no integers"):
        read_vectors(tmp_path / "names.npz")
    write_vectors(tmp_path / "good.npz", good)
    assert np.array_equal(read_vectors(tmp_path / "good.npz").gallery_labels, [0, 1])


# --- parameters ---


def test_published_points_are_the_papers_rows_with_parameters():
    points = {point.name: point for point in published_points("drone-to-satellite")}
    rows = [row for row in PAPER["I"].blocks[0].rows if row.params != "-"]
    assert len(points) == len(rows)
    assert (points["MEAN"].parameters_m, points["MEAN"].accuracy) == (36.5, 93.55)
    assert points["TransFG"].at_least and not points["DAC"].at_least
    assert {p.name: p.accuracy for p in published_points("satellite-to-drone")}["MEAN"] == 96.01


def test_our_own_point_is_checked():
    point = our_point("MEAN, 36.5 ,91.2,full")
    assert (point.name, point.parameters_m, point.accuracy, point.protocol) == ("MEAN", 36.5, 91.2, "full")
    assert our_point("a,1,2").ours and our_point("a,1,2").protocol == "paper"
    for wrong in ("MEAN", "MEAN,x,2", "MEAN,1,101", "MEAN,0,5", "MEAN,nan,5", "a,1,2,paper,5"):
        with pytest.raises(make_figures.argparse.ArgumentTypeError, match="no NAME,MILLIONS,PERCENT"):
            our_point(wrong)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_comparison_is_written_in_each_format(tmp_path, suffix):
    run(tmp_path, "parameters", "--ours", "Ours,36.5,91.2", "--out", f"{{here}}/p{suffix}")
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    assert (tmp_path / f"p{suffix}").read_bytes().startswith(starts[suffix])


# --- mistakes ---


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("strips", "{here}/none.parquet", *STRIPS[2:], "--out", "{here}/a.png"), "There is no report none.parquet"),
        ((*STRIPS, "--out", "{here}/a.gif"), "a.gif has no known ending; choose .png, .jpg, .pdf."),
        ((*STRIPS, "--out", "{here}/nowhere/a.png"), "There is no folder nowhere"),
        ((*STRIPS, "-k", "0", "--out", "{here}/a.png"), "at least one query and one tile"),
        ((*STRIPS, "--side-px", "7", "--out", "{here}/a.png"), "choose 48 to 1024"),
        (("parameters", "--ours", "x", "--out", "{here}/a.png"), "no NAME,MILLIONS,PERCENT"),
        (("vectors", *STRIPS[1:], "--out", "{here}/a.png"), "choose .npz"),
        (("distances", "{here}/report.parquet", "--out", "{here}/a.png"), "no .npz file"),
        (("embeddings", "{here}/v.npz", "--places", "0", "--out", "{here}/a.png"), "There is no file v.npz"),
        ((), "KIND"),
    ],
)
def test_a_mistake_gets_a_sentence_and_exit_code_2(place, capsys, arguments, words):
    with pytest.raises(SystemExit) as exit_:
        run(place, *arguments)
    error = capsys.readouterr().err
    assert exit_.value.code == 2 and words in error and str(place) not in error
    assert not (place / "a.png").exists()


def test_two_panels_of_one_name_are_refused(tmp_path, capsys):
    write_vectors(tmp_path / "v.npz", Vectors(np.eye(2), np.arange(2), np.eye(2), np.arange(2)))
    with pytest.raises(SystemExit):
        run(tmp_path, "distances", "{here}/v.npz", "v={here}/v.npz", "--out", "{here}/a.png")
    assert "same name" in capsys.readouterr().err


def test_names_of_panels():
    assert named_file("MEAN=a/b.npz")[0] == "MEAN" and named_file("a/b.npz")[0] == "b"
    assert named_file("a=b=c.npz")[0] == "a=b"


def test_help_loads_nothing_heavy():
    import subprocess
    import sys
    from pathlib import Path

    program = (
        "import sys\nfrom train_scripts.make_figures import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'matplotlib', 'sklearn', 'torch', 'geopandas'} & set(sys.modules), 'heavy'\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in ("strips", "distances", "embeddings", "parameters", "vectors"):
        assert kind in done.stdout


def test_an_empty_report_has_nothing_to_show(place):
    write_report(place / "empty.parquet", [], {})
    with pytest.raises(GalleryError, match="no answer to show"):
        chosen_rows(read_report(place / "empty.parquet"), "all", 3)
    assert isinstance(read_report(place / "empty.parquet").rows, pd.DataFrame)
