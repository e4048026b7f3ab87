"""Search by Milvus equals exact search, in a file and at an address, with areas filtered in the engine."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.helpers.builders import textured

pytest.importorskip("pymilvus", reason="pymilvus is not installed (requirements-cluster.txt)")
pytest.importorskip("milvus_lite", reason="milvus-lite is not installed (requirements-dev.txt)")

from gallery import Gallery, Localizer, Near, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import BuildError, DamagedGallery, IndexServerError
from gallery.geo import Bounds
from gallery.index import milvus
from gallery.index.exact import ExactIndex
from gallery.index.milvus import MilvusIndex, box_filter
from gallery.index.vector_index import check_kind, open_index, write_index
from gallery.search.options import SearchOptions
from gallery.store.check import check_gallery
from gallery.store.manifest import INDEX, MANIFEST

TILES, DIMENSION = 1500, 16


@pytest.fixture(scope="module")
def vectors():
    rows = np.random.default_rng(0).standard_normal((TILES, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="module")
def places():
    """Around the antimeridian."""
    lons, lats = np.random.default_rng(1).uniform((178, -20), (182, -16), (TILES, 2)).T
    return np.stack([np.where(lons > 180, lons - 360, lons), lats], axis=1)


@pytest.fixture(scope="module")
def exact(vectors, tmp_path_factory):
    path = tmp_path_factory.mktemp("exact") / "index.faiss"
    ExactIndex.write(path, vectors)
    return ExactIndex.open(path)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Milvus at an address: milvus-lite behind its port."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    running, database, port = start_server_in_thread(str(tmp_path_factory.mktemp("server") / "data"))
    yield f"http://127.0.0.1:{port}", running
    running.stop(0)
    database.close()


@pytest.fixture(scope="module", params=["file", "address"])
def index(request, vectors, places, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    uri = request.getfixturevalue("server")[0] if request.param == "address" else str(folder / "milvus.db")
    facts = write_index(folder / "index.faiss", vectors, f"milvus:{uri}", lambda: places)
    return open_index(folder / "index.faiss", vectors, facts, lambda: places)


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(milvus.TOKEN, raising=False)


@pytest.fixture(autouse=True)
def few_are_exact(monkeypatch):
    monkeypatch.setattr("gallery.index.exact.EXACT_ROWS", 50)
    monkeypatch.setattr(milvus, "TIMEOUT_S", 3.0)


def queries(count: int = 5) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((count, DIMENSION)).astype(np.float32)


def same(one, other) -> bool:
    return np.array_equal(one[1], other[1]) and np.allclose(one[0], other[0], atol=1e-5)


def boxed(places: np.ndarray, west: float, south: float, east: float, north: float) -> np.ndarray:
    lons = np.where(places[:, 0] < 0, places[:, 0] + 360, places[:, 0])
    return (lons >= west) & (lons <= east) & (places[:, 1] >= south) & (places[:, 1] <= north)


def test_equals_exact_search(index, exact):
    assert len(index) == TILES and index.dimension == DIMENSION
    for k in (1, 10, 200):
        assert same(index.search(queries(), k), exact.search(queries(), k))


@pytest.mark.parametrize("area", [(178, -20, 179, -18), (179.5, -19, 180.5, -18), (181, -17, 182, -16)])
def test_an_area_is_filtered_in_the_engine(index, exact, places, area, monkeypatch):
    allowed, asked = boxed(places, *area), []
    found = index._found
    monkeypatch.setattr(index, "_found", lambda *given: asked.append(given[2]) or found(*given))
    assert same(index.search(queries(), 20, allowed), exact.search(queries(), 20, allowed))
    assert len(asked) == 1 and "lon" in asked[0]


def test_what_no_box_describes_is_sorted_out_here(index, exact, places):
    """A circle, tiles strewn about, and few that are all far from the query."""
    lons = np.where(places[:, 0] < 0, places[:, 0] + 360, places[:, 0])
    circle = np.hypot(lons - 180, places[:, 1] + 18) < 1
    strewn = np.random.default_rng(3).random(TILES) < 0.03
    far = np.zeros(TILES, bool)
    far[exact.search(queries(1), TILES)[1][0, -60:]] = True
    for allowed in (circle, strewn, far, np.zeros(TILES, bool), np.ones(TILES, bool)):
        assert same(index.search(queries(), 20, allowed), exact.search(queries(), 20, allowed))
    assert same(index.search(queries(), 2 * TILES, circle), exact.search(queries(), 2 * TILES, circle))


def test_more_than_the_engine_gives(index, exact, monkeypatch):
    monkeypatch.setattr(milvus, "MOST_FOUND", 100)
    assert same(index.search(queries(2), 150), exact.search(queries(2), 150))


def test_boxes_as_conditions():
    near = box_filter(np.array([[1.5, 2.0], [3.0, -4.0]]))
    assert near == "(lon >= 1.5 and lon <= 3.0) and lat >= -4.0 and lat <= 2.0"
    across = box_filter(np.array([[179.0, 0.0], [-179.5, 1.0]]))
    assert across == "(lon >= 179.0 or lon <= -179.5) and lat >= 0.0 and lat <= 1.0"


@pytest.mark.parametrize("there", [0, 999, TILES])
def test_a_collection_that_is_half_full_is_filled_up(tmp_path, vectors, places, there):
    uri = str(tmp_path / "milvus.db")
    client = milvus.connect(uri)
    collection = f"tiles_{milvus._content(vectors, places)}"
    milvus._create(client, collection, DIMENSION)
    rows = [row for start in range(0, TILES, milvus.BATCH) for row in milvus._rows(vectors, places, start)]
    if there:
        client.insert(collection, rows[:there])
    client.close()
    facts = MilvusIndex.write(tmp_path, uri, vectors, places)
    assert facts == {"uri": "milvus.db", "collection": collection}
    index = MilvusIndex.open(tmp_path, vectors, facts, lambda: places)
    _, found = index.search(vectors[::300].astype(np.float32), 1)
    assert found[:, 0].tolist() == list(range(0, TILES, 300))


def test_another_gallery_has_another_collection(vectors, places):
    names = {
        milvus._content(vectors, places),
        milvus._content(vectors[::-1], places),
        milvus._content(vectors, places + 1),
    }
    assert len(names) == 3 and milvus._content(vectors.copy(), places.copy()) in names


def test_a_server_that_is_gone_is_one_sentence(tmp_path, vectors, places):
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    running, database, port = start_server_in_thread(str(tmp_path / "data"))
    uri = f"http://127.0.0.1:{port}"
    facts = write_index(tmp_path / "i", vectors[:60], f"milvus:{uri}", lambda: places[:60])
    index = open_index(tmp_path / "i", vectors[:60], facts, lambda: places[:60])
    running.stop(0).wait()
    database.close()
    for ask in (lambda: index.search(queries(), 3), lambda: MilvusIndex.open(tmp_path, vectors, facts, lambda: places)):
        with pytest.raises(
            IndexServerError, match=rf"^Milvus at 127\.0\.0\.1:{port} does not answer .*--index auto\.$"
        ):
            ask()


def test_what_is_not_there_any_more(tmp_path, vectors, places):
    facts = MilvusIndex.write(tmp_path, str(tmp_path / "milvus.db"), vectors[:60], places[:60])
    with pytest.raises(IndexServerError, match="holds 60 of the gallery's 1500 tiles"):
        MilvusIndex.open(tmp_path, vectors, facts, lambda: places)
    with pytest.raises(IndexServerError, match="holds 0 of"):
        MilvusIndex.open(tmp_path, vectors, {**facts, "collection": "other"}, lambda: places)
    with pytest.raises(IndexServerError, match=r"gone\.db, which holds the gallery's vectors, is not there"):
        MilvusIndex.open(tmp_path, vectors, {**facts, "uri": "gone.db"}, lambda: places)
    with pytest.raises(DamagedGallery, match="which Milvus"):
        MilvusIndex.open(tmp_path, vectors, {"kind": "milvus"}, lambda: places)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://me:secret@host:1", "MILVUS_TOKEN"),
        ("file.txt", "neither http"),
        ("/no/such/folder/x.db", "in a folder that exists"),
        ("", "neither http"),
    ],
)
def test_addresses_that_are_none(uri, message):
    with pytest.raises(BuildError, match=message) as raised:
        check_kind(f"milvus:{uri}")
    assert "secret@" not in str(raised.value)


def test_a_server_that_is_not_there_is_found_before_the_build():
    with pytest.raises(IndexServerError, match=r"127\.0\.0\.1:9 does not answer"):
        check_kind("milvus:http://127.0.0.1:9")


def test_the_token_comes_from_the_environment_and_is_not_noted(monkeypatch, tmp_path, vectors, places, server):
    import pymilvus

    tokens = []
    make = pymilvus.MilvusClient
    monkeypatch.setattr(pymilvus, "MilvusClient", lambda *a, **k: tokens.append(k["token"]) or make(*a, **k))
    monkeypatch.setenv(milvus.TOKEN, "root:secret")
    facts = MilvusIndex.write(tmp_path, server[0], vectors[:60], places[:60])
    assert set(tokens) == {"root:secret"} and "secret" not in str(facts)


def test_a_gallery_that_milvus_searches(make_raster, tmp_path, embedder):
    raster = make_raster("all/region.tif")
    from milvus_lite.server_manager import server_manager_instance

    there = tmp_path / "all" / "milvus.db"
    exact_one = build_gallery(raster, tmp_path / "exact", embedder, tile_size_m=80)
    for _ in range(2):  # the second time, all is there
        gallery = build_gallery(
            raster, tmp_path / "all" / "g", embedder, tile_size_m=80, options=BuildOptions(index=f"milvus:{there}")
        )
    assert gallery.manifest["index"]["uri"] == "../milvus.db"
    assert str(tmp_path) not in (gallery.folder / MANIFEST).read_text()
    assert not (gallery.folder / INDEX).exists()
    assert check_gallery(gallery) == [] and isinstance(gallery.index, MilvusIndex)
    server_manager_instance.release_server(str(there))  # as if the program that built it had ended
    shutil.move(tmp_path / "all", tmp_path / "moved")
    found, expected = (Localizer(each, embedder) for each in (Gallery.open(tmp_path / "moved" / "g"), exact_one))
    photo = Image.fromarray(np.moveaxis(textured(120, 120, 3), 0, -1))
    near = Bounds.around(exact_one.tile(0).centre, 0.1)
    for area in (None, near, Near(near.centre.lon, near.centre.lat, 0.05)):
        answers = [
            one.localize(photo, k=4, near=area, options=SearchOptions(verify=False)) for one in (found, expected)
        ]
        ids = [[match.tile.id for match in answer.matches] for answer in answers]
        assert ids[0] == ids[1] and len(ids[0]) > 0
    again = build_gallery(tmp_path / "moved" / "region.tif", tmp_path / "moved" / "g", embedder, tile_size_m=80)
    assert isinstance(again.index, ExactIndex)
