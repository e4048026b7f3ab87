"""The shipped sample: region, gallery, photos and starter weights fit together and keep their promises."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

from gallery import Gallery, Localizer
from gallery.constants import SAMPLE
from gallery.geo import LonLat
from gallery.report.summary import figures
from gallery.report.table import open_inspection
from gallery.search.answer import Answer
from gallery.store.check import check_gallery
from mean_model import Embedder, load_model
from tests.helpers import ROOT
from train_scripts.evaluation.queries import read_queries
from train_scripts.make_sample import GSD_M, SATELLITE, SIZE_M, sample_scene, write_region

WEIGHTS = ROOT / "mean_model" / "weights" / "starter"


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return Gallery.open(SAMPLE)


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    with load_model("starter") as embedder:
        yield embedder


def test_the_sample_is_small_enough_to_travel() -> None:
    sizes = [path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(sizes) < 40e6
    assert (WEIGHTS / "model.safetensors").stat().st_size <= 20e6


def test_the_region_is_a_cloud_optimised_geotiff_around_null_island() -> None:
    with rasterio.open(SAMPLE / "region.tif") as region:
        assert region.width * region.res[0] >= 4000 and region.res[0] <= 0.5
        assert region.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert region.overviews(1)
        to_degrees = Transformer.from_crs(region.crs, 4326, always_xy=True)
        centre = region.xy(region.height / 2 - 0.5, region.width / 2 - 0.5)
        assert to_degrees.transform(*centre) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.slow
def test_the_region_is_what_its_generator_draws(tmp_path: Path) -> None:
    """A block drawn anew equals the shipped one but for JPEG: figures measured on it can be reproduced."""
    from train_scripts.data.world.rasterise import rasterise

    drawn = rasterise(sample_scene(), (0, 0, 128, 128), GSD_M, SATELLITE).rgb.astype(float)
    with rasterio.open(SAMPLE / "region.tif") as region:
        row, column = region.index(0.25, 127.75)
        shipped = region.read(window=((row, row + 256), (column, column + 256)))
    assert np.abs(drawn - np.moveaxis(shipped, 0, 2)).mean() < 8


@pytest.mark.slow
def test_a_coarse_region_is_written_whole(tmp_path: Path) -> None:
    write_region(sample_scene(), tmp_path / "coarse.tif", gsd_m=4.0)
    with rasterio.open(tmp_path / "coarse.tif") as region:
        assert region.shape == (SIZE_M / 4, SIZE_M / 4) and region.read().std() > 10
    assert list(tmp_path.iterdir()) == [tmp_path / "coarse.tif"]


def test_the_gallery_is_whole_and_built_by_the_starter(gallery: Gallery, embedder: Embedder) -> None:
    assert len(gallery) >= 1000
    assert [problem for problem in check_gallery(gallery, embedder.fingerprint) if problem.damage] == []


def test_twelve_examples_state_their_position_and_truth(gallery: Gallery, embedder: Embedder) -> None:
    with (SAMPLE / "photos" / "truth.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 12
    for query in read_queries(SAMPLE / "photos"):
        photo = embedder.read(query.file)
        assert photo.position is not None and photo.pose is not None and photo.pose.heading_deg is not None
        assert any(gallery.tile(row).contains(query.truth) for row in range(len(gallery)))


@pytest.mark.slow
def test_the_examples_are_found_from_above_and_in_most_cases_first(gallery: Gallery, embedder: Embedder) -> None:
    """10 of 12 when they were made; other processors round differently."""
    queries = read_queries(SAMPLE / "photos")
    answers = Localizer(gallery, embedder).localize_many([query.file for query in queries], k=5)
    first = 0
    for query, answer in zip(queries, answers, strict=True):
        assert isinstance(answer, Answer) and len(answer.matches) == 5 and answer.exif is not None
        assert "ground plane" in " ".join(answer.notes) or answer.pose.found_without is not None
        first += answer.matches[0].tile.contains(query.truth)
    assert first >= 9


@pytest.mark.slow
def test_an_example_without_metadata_is_found_by_guessing_its_pose(gallery: Gallery, embedder: Embedder) -> None:
    query = read_queries(SAMPLE / "photos")[0]
    with Image.open(query.file) as picture:
        answer = Localizer(gallery, embedder).localize(np.asarray(picture), k=5)
    assert answer.exif is None and "poses were tried" in " ".join(answer.notes)
    assert any(match.tile.contains(query.truth) for match in answer.matches)


def test_the_report_is_of_these_weights_and_this_gallery(gallery: Gallery, embedder: Embedder) -> None:
    inspection = open_inspection(SAMPLE / "report.parquet", gallery)
    report, table = inspection.report, inspection.table
    assert report.summary["fingerprint"] == embedder.fingerprint == gallery.fingerprint
    assert (report.file.stat().st_size if report.file else 0) < 3e6 and len(table) == 300
    tiles = set(gallery.tiles["id"])
    assert all(tiles.issuperset(ranked) for ranked in report.rows["tile_ids"])
    for name in table.index[::50]:
        row = table.loc[name]
        truth = LonLat(row["true_lon"], row["true_lat"])
        assert gallery.tile(gallery.row(row["true_tile"])).contains(truth)
        assert gallery.tile(gallery.row(row["top_tile"])).contains(truth) == row["right"]


def test_the_report_says_what_the_page_of_figures_says() -> None:
    inspection = open_inspection(SAMPLE / "report.parquet")
    found, summary = figures(inspection.table), inspection.report.summary
    assert found is not None and found.median_m is not None
    recall = {str(k): estimate.value for k, estimate in found.recall.items()}
    assert recall == {k: pytest.approx(value) for k, value in summary["recall"].items() if k in recall}
    page = (ROOT / "docs" / "figures.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| pixels and the stated pose"))
    stated = [cell.strip() for cell in row.split("|")[2:6]]
    told = [f"{one.value:.1f} % ({one.low:.1f}-{one.high:.1f})" for one in found.recall.values()]
    assert stated == [*told, f"{found.median_m.value:.0f} m"]


def test_the_reports_pictures_are_small_and_say_nothing_else() -> None:
    report = open_inspection(SAMPLE / "report.parquet").report
    for query_id in report.rows["id"][::37]:
        content = report.thumbnail(query_id)
        assert content is not None
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.format == "JPEG" and max(picture.size) == 160 and not picture.getexif()
