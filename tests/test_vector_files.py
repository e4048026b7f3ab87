"""Embeddings of a report, and the file that holds them."""

from dataclasses import replace

import numpy as np
import pytest

from gallery import Gallery
from gallery.errors import GalleryError
from gallery.geo import LonLat
from gallery.report import read_report
from tests.evaluated import FakeModel, evaluated_gallery
from train_scripts.report_sheets import album_of, covering
from train_scripts.vector_files import Vectors, embed_report, read_vectors, write_vectors


@pytest.fixture
def place(tmp_path, make_raster):
    return evaluated_gallery(tmp_path, [make_raster()], FakeModel())


@pytest.fixture
def gallery(place):
    return Gallery.open(place / "tiles")


@pytest.fixture
def report(place):
    return read_report(place / "report.parquet")


def album(place, report, gallery, photos="photos"):
    return album_of(place / "report.parquet", report, gallery, [place / photos])


def test_a_report_is_embedded_with_its_places(place, report, gallery):
    held = embed_report(report, album(place, report, gallery), FakeModel())
    assert held.query_vectors.shape == (6, gallery.dimension) and len(held.gallery_labels) == len(gallery)
    for row, label in zip(report.rows.itertuples(), held.query_labels, strict=True):
        assert gallery.tile(int(label)).centre.lon == pytest.approx(row.true_lon, abs=1e-9)
        assert held.gallery_labels[label] == label
        others = set(covering(gallery, LonLat(row.true_lon, row.true_lat))) - set(held.query_labels.tolist())
        assert others and (held.gallery_labels[sorted(others)] == -1).all()
    assert held.query_labels[5] == held.query_labels[2]


def test_photos_that_are_not_there_and_other_models(place, report, gallery):
    with pytest.raises(GalleryError, match=r"q0\.png is in none of the folders"):
        embed_report(report, album(place, report, gallery, "tiles"), FakeModel())
    with pytest.raises(GalleryError, match="embedded by the model"):
        embed_report(report, album(place, report, gallery), FakeModel(fingerprint="other"))
    stated = replace(report, summary={"fingerprint": "third", "model": "some"})
    with pytest.raises(GalleryError, match=r"made with the model some \(third\)"):
        embed_report(stated, album(place, report, gallery), FakeModel())
    bare = replace(report, rows=report.rows.assign(true_lon=np.nan))
    with pytest.raises(GalleryError, match="No query of the report has a true position"):
        embed_report(bare, album(place, report, gallery), FakeModel())


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
    write_vectors(tmp_path / "names.npz", good._replace(query_labels=np.array(["a", "b"])))
    with pytest.raises(GalleryError, match="no integers"):
        read_vectors(tmp_path / "names.npz")
    write_vectors(tmp_path / "good.npz", good)
    assert np.array_equal(read_vectors(tmp_path / "good.npz").gallery_labels, [0, 1])
