"""Embeddings of a report, and the file that holds them."""

from dataclasses import replace

import numpy as np
import pytest

from gallery import Gallery
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.report.report import QueryRow, read_report, write_report
from gallery.report.tiles import read_tiles
from train_scripts.figures.embeddings import Vectors, read_vectors, report_vectors


@pytest.fixture
def gallery(place):
    return Gallery.open(place / "tiles")


@pytest.fixture
def report(place):
    return read_report(place / "report.parquet")


def test_the_place_of_a_query_is_the_nearest_tile_around_it(report, gallery):
    held = report_vectors(report, gallery)
    assert held.query_vectors.shape == (6, gallery.dimension) and len(held.gallery_labels) == len(gallery)
    np.testing.assert_allclose(held.query_vectors[0], gallery.vectors[held.query_labels[0]], atol=0.05)
    for row, label in zip(report.rows.itertuples(), held.query_labels, strict=True):
        assert gallery.tile(int(label)).centre.lon == pytest.approx(row.true_lon, abs=1e-9)
        assert held.gallery_labels[label] == label
        others = set(gallery.covering([LonLat(row.true_lon, row.true_lat)])[0].tolist()) - set(
            held.query_labels.tolist()
        )
        assert others and (held.gallery_labels[sorted(others)] == -1).all()
    assert held.query_labels[5] == held.query_labels[2]


def test_the_places_of_a_dataset_are_its_own(uni):
    report = read_report(uni / "reports" / "dataset.parquet")
    held, tiles = report_vectors(report), read_tiles(report)
    for row, label in zip(report.rows.itertuples(), held.query_labels, strict=True):
        assert set(tiles.places[held.gallery_labels == label]) == {row.place}
    assert held.gallery_vectors.dtype == held.query_vectors.dtype == np.float32


def test_reports_without_embeddings_tiles_or_places(place, report, gallery, tmp_path):
    with pytest.raises(GalleryError, match="tiles of report are not beside it"):
        report_vectors(report)
    bare = replace(report, rows=report.rows.assign(true_lon=np.nan))
    with pytest.raises(GalleryError, match="No query of report shows a place"):
        report_vectors(bare, gallery)
    write_report(tmp_path / "old.parquet", [QueryRow("q", "a.jpg", [], [])], {})
    with pytest.raises(GalleryError, match="old holds no embeddings"):
        report_vectors(read_report(tmp_path / "old.parquet"), gallery)


def test_files_that_hold_no_vectors(tmp_path):
    with pytest.raises(GalleryError, match=r"no file v\.npz"):
        read_vectors(tmp_path / "v.npz")
    good = Vectors(np.eye(2), np.arange(2), np.eye(2), np.arange(2))
    (tmp_path / "text.npz").write_text("text")
    np.save(tmp_path / "array.npy", np.eye(2))
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "objects.npz", **{name: np.array([{}], object) for name in Vectors._fields})
    for name in ("text.npz", "array.npy", "empty.npz", "objects.npz"):
        with pytest.raises(GalleryError, match=r"is no \.npz file of embeddings"):
            read_vectors(tmp_path / name)
    np.savez(tmp_path / "part.npz", query_vectors=np.eye(2))
    with pytest.raises(GalleryError, match="lacks query_labels"):
        read_vectors(tmp_path / "part.npz")
    np.savez(tmp_path / "names.npz", **good._replace(query_labels=np.array(["a", "b"]))._asdict())
    with pytest.raises(GalleryError, match="no integers"):
        read_vectors(tmp_path / "names.npz")
    np.savez(tmp_path / "good.npz", **good._asdict())
    assert np.array_equal(read_vectors(tmp_path / "good.npz").gallery_labels, [0, 1])
