"""The command line of the figures, on small reports of a gallery and of a dataset."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gallery.report.report import read_report
from tests.helpers import ROOT
from train_scripts import make_figures
from train_scripts.evaluation.paper_tables import PAPER
from train_scripts.figures.embeddings import Vectors, report_vectors
from train_scripts.make_figures import main, named_file, our_point, published_points


def run(place, *arguments: str) -> None:
    main([argument.format(here=place) for argument in arguments])


STRIPS = ("strips", "{here}/report.parquet", "--gallery", "{here}/tiles", "--photos", "{here}/photos")
OF_DATASET = ("{here}/reports/dataset.parquet", "--photos", "{here}/uni")


# --- sheets ---


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pdf"])
def test_a_sheet_is_written(place, suffix):
    run(place, *STRIPS, "--out", f"{{here}}/sheet{suffix}", "--queries", "2", "-k", "2", "--side-px", "64")
    assert (place / f"sheet{suffix}").stat().st_size > 1000
    assert not list(place.glob("*unfinished*"))
    if suffix == ".png":
        with Image.open(place / "sheet.png") as sheet:
            assert sheet.width > 3 * 64 and sheet.height > 2 * 64


def test_a_dataset_needs_no_gallery(uni, tmp_path):
    run(
        uni,
        "strips",
        *OF_DATASET,
        "--queries",
        "3",
        "-k",
        "2",
        "--side-px",
        "64",
        "--out",
        str(tmp_path / "strips.png"),
    )
    with Image.open(tmp_path / "strips.png") as sheet:
        assert sheet.height > 3 * 64


@pytest.mark.parametrize("kind", ["similarity", "saliency"])
def test_heat_maps_of_a_report_and_of_pairs(uni, tmp_path, kind):
    how = ("--model", "{here}/tiny", "--map", kind, "--side-px", "64", "--out", str(tmp_path / "heat.png"))
    run(uni, "heatmaps", *OF_DATASET, "--queries", "2", *how)
    with Image.open(tmp_path / "heat.png") as sheet:
        assert sheet.height > 2 * 64 and sheet.width > 4 * 64
    picture = str(next((uni / "uni/test/query_drone").rglob("*.jpeg")))
    tile = str(next((uni / "uni/test/gallery_satellite").rglob("*.jpg")))
    run(uni, "heatmaps", picture, tile, *how)
    with Image.open(tmp_path / "heat.png") as sheet:
        assert 64 < sheet.height < 2 * 64


# --- embeddings ---


def test_figures_of_reports_and_of_vectors(place, uni):
    run(place, "distances", "A={here}/report.parquet", "--gallery", "{here}/tiles", "--out", "{here}/d.svg")
    assert (place / "d.svg").stat().st_size > 5000
    held = report_vectors(read_report(uni / "reports" / "dataset.parquet"))
    np.savez(place / "v.npz", **held._asdict())
    for method in ("tsne", "pca"):
        files = (f"A={uni}/reports/dataset.parquet", "B={here}/v.npz")
        run(place, "embeddings", *files, "--method", method, "--places", "4", "--out", f"{{here}}/{method}.png")
        assert (place / f"{method}.png").stat().st_size > 5000


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
        (("distances", "{here}/photos/q0.png", "--out", "{here}/a.png"), "no .npz file"),
        (("embeddings", "{here}/v.npz", "--places", "0", "--out", "{here}/a.png"), "There is no file v.npz"),
        (("strips", "{here}/report.parquet", "--out", "{here}/a.png"), "Name it with --gallery"),
        (("distances", "{here}/report.parquet", "--out", "{here}/a.png"), "Name the gallery that was evaluated"),
        (("heatmaps", "{here}/report.parquet", "b.parquet", "--out", "{here}/a.png"), "of one report, or of pictures"),
        (("heatmaps", "{here}/report.parquet", "--opacity", "2", "--out", "{here}/a.png"), "an opacity from 0 to 1"),
        (("heatmaps", "{here}/photos/q0.png", "--out", "{here}/a.png"), "1 pictures make no pairs"),
        ((), "KIND"),
    ],
)
def test_a_mistake_gets_a_sentence_and_exit_code_2(place, refused, arguments, words):
    error = refused(main, *(argument.format(here=place) for argument in arguments))
    assert words in error and str(place) not in error
    assert not (place / "a.png").exists()


def test_two_panels_of_one_name_are_refused(tmp_path, refused):
    np.savez(tmp_path / "v.npz", **Vectors(np.eye(2), np.arange(2), np.eye(2), np.arange(2))._asdict())
    file = tmp_path / "v.npz"
    assert "same name" in refused(main, "distances", file, f"v={file}", "--out", tmp_path / "a.png")


def test_names_of_panels():
    assert named_file("MEAN=a/b.npz")[0] == "MEAN" and named_file("a/b.npz")[0] == "b"
    assert named_file("a=b=c.npz")[0] == "a=b"


@pytest.mark.process
def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom train_scripts.make_figures import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'matplotlib', 'sklearn', 'torch', 'geopandas'} & set(sys.modules), 'heavy'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in ("strips", "heatmaps", "distances", "embeddings", "parameters"):
        assert kind in done.stdout
