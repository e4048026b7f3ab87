"""Galleries of visitors: what is refused before decoding, building, stopping without a trace, limits, and the ZIP."""

import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import rasterio
from rasterio.transform import from_origin

from gallery import Gallery
from gallery.build.pipeline import Progress
from gallery.errors import GalleryError
from gallery.store.check import check_gallery
from pages.services import upload as services_upload
from pages.services import visitor_builds
from pages.services.question import PhotoQuestion
from pages.services.upload import BadUpload, plan
from pages.services.visitor_builds import (
    BuildRequest,
    NoRoom,
    Stopped,
    Visitor,
    VisitorBuilds,
    progress_text,
    title_of,
    zipped,
)
from tests.helpers.small_world import catalog_of, imagery, service_of, write_photo, write_raster


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return catalog_of(service_of(tmp_path_factory.mktemp("first"), side_px=200))


@pytest.fixture
def builds(catalog):
    made = VisitorBuilds(catalog)
    yield made
    for entry in [entry for entry in catalog._entries.values() if entry.own]:
        catalog.drop(entry.key)
    made._root.cleanup()


@pytest.fixture
def upload(tmp_path):
    return write_raster(tmp_path / "my town (1).tif", imagery(300, 8))


def test_the_plan_counts_the_tiles_of_the_build(builds, upload):
    made = plan(upload, 100, 0.5)
    entry = builds.build(BuildRequest(upload))
    assert made.tiles == len(Gallery.open(entry.folder)) == 25
    assert made.width_m == pytest.approx(300, rel=0.01) and made.metres_per_px == pytest.approx(1, rel=0.01)


def test_a_built_gallery_answers_its_visitor_and_nobody_else_sees_it(builds, catalog, upload, tmp_path):
    steps = []
    entry = builds.build(BuildRequest(upload), steps.append)
    assert (entry.title, entry.own, len(entry.key) > 20) == ("my-town-1", True, True)
    assert steps[0].done == 0 and steps[-1].done == steps[-1].total == 25
    assert (
        catalog.get(entry.key) is entry
        and entry not in catalog.public
        and catalog.offered() == list(catalog.first.service.offered)
    )
    photo = write_photo(tmp_path / "photo.jpg", imagery(300, 8), 120, 90)
    answer = entry.service.locate(photo, PhotoQuestion())
    assert answer.matches[0].tile.id.startswith("my-town-1/") and answer.exif.error_m < 50
    assert oct(Path(builds._root.name).stat().st_mode)[-2:] == "00", "other users of the machine see nothing"


def test_the_zip_opens_elsewhere_and_shows_its_tiles(builds, upload, tmp_path):
    entry = builds.build(BuildRequest(upload))
    assert zipped(entry) == zipped(entry)
    with zipfile.ZipFile(zipped(entry)) as archive:
        archive.extractall(tmp_path / "taken")
    temp_folder = entry.temp_folder
    builds.catalog.drop(entry.key)
    assert not temp_folder.exists()
    gallery = Gallery.open(tmp_path / "taken" / "my-town-1")
    assert check_gallery(gallery) == [] and gallery.image(gallery.tile(3), 64).width in (63, 64)


@pytest.mark.parametrize("after", [0, 1])
def test_stopped_it_leaves_nothing(builds, upload, after):
    asked = []

    def stopped():
        asked.append(1)
        return len(asked) > after

    with pytest.raises(Stopped, match="Nothing"):
        builds.build(BuildRequest(upload), stopped=stopped)
    assert list(Path(builds._root.name).iterdir()) == [] and builds.catalog.own_count == 0
    assert len(builds.build(BuildRequest(upload)).service.engine.wait().gallery) == 25, "there is room again"


def test_it_stops_also_where_every_tile_is_empty(builds, tmp_path):
    empty = tiff(tmp_path / "empty.tif", 300, 300, nodata=0)
    with pytest.raises(Stopped):
        builds.build(BuildRequest(empty), stopped=lambda: True)
    with pytest.raises(GalleryError, match="No tile"):
        builds.build(BuildRequest(empty))
    assert list(Path(builds._root.name).iterdir()) == []


def test_a_build_that_fails_leaves_nothing(builds, upload, monkeypatch):
    def fails(*_args, **_more):
        raise GalleryError("broken")

    monkeypatch.setattr(visitor_builds, "build_gallery", fails)
    with pytest.raises(GalleryError):
        builds.build(BuildRequest(upload))
    assert list(Path(builds._root.name).iterdir()) == []


def test_there_is_room_for_few(builds, upload, monkeypatch):
    monkeypatch.setattr(visitor_builds, "MOST_KEPT", 1)
    inside, go = threading.Event(), threading.Event()

    def waits(_progress):
        inside.set()
        go.wait(20)

    first = threading.Thread(target=builds.build, args=(BuildRequest(upload), waits))
    first.start()
    assert inside.wait(20)
    with pytest.raises(NoRoom, match="15 minutes at least"):
        builds.build(BuildRequest(upload))
    go.set()
    first.join()
    with pytest.raises(NoRoom):
        builds.build(BuildRequest(upload))
    monkeypatch.setattr(visitor_builds, "MOST_KEPT", 9)
    monkeypatch.setattr(builds._disk, "has_room", lambda: False)
    with pytest.raises(NoRoom, match="full"):
        builds.build(BuildRequest(upload))


@pytest.fixture
def built(builds, catalog, monkeypatch, tmp_path):
    """A function that builds a gallery for a visitor, without its tiles. Returns: tells whether it is kept."""
    small = write_raster(tmp_path / "small.tif", imagery(120, 8))
    monkeypatch.setattr(visitor_builds, "build_gallery", lambda *given, **options: None)

    def build(session, address):
        key = builds.build(BuildRequest(small), visitor=Visitor(session, address)).key
        return lambda: catalog.get(key).key == key

    return build


def test_the_oldest_of_a_session_gives_way_and_an_address_has_few(built, builds):
    first, second, third = (built("a", "1.1.1.1") for _ in range(3))
    assert (first(), second(), third()) == (False, True, True)
    built("b", "1.1.1.1"), built("c", "1.1.1.1")
    with pytest.raises(NoRoom, match="Your network address has 4"):
        built("d", "1.1.1.1")
    assert built("a", "1.1.1.1")() and not second(), "in place of one's own"
    assert built("e", "2.2.2.2")(), "others have theirs"
    assert len(list(Path(builds._root.name).iterdir())) == 5


def test_when_all_places_are_taken_the_oldest_of_who_has_most_goes_after_a_while(built, monkeypatch):
    monkeypatch.setattr(visitor_builds, "MOST_KEPT", 4)
    one = built("a", "1.1.1.1")
    many = [built(session, "2.2.2.2") for session in "bcd"]
    with pytest.raises(NoRoom):
        built("e", "3.3.3.3")
    assert one() and all(kept() for kept in many), "each has its time"
    monkeypatch.setattr(visitor_builds, "LEAST_LIVE_S", 0.0)
    assert built("e", "3.3.3.3")()
    assert [one(), *(kept() for kept in many)] == [True, False, True, True]


def test_a_build_that_fails_gives_its_place_back(builds, tmp_path, monkeypatch):
    (tmp_path / "none.tif").write_bytes(b"no tiff")
    for _ in range(2 * visitor_builds.MOST_OF_ADDRESS):
        with pytest.raises(BadUpload):
            builds.build(BuildRequest(tmp_path / "none.tif"), visitor=Visitor("a", "1.1.1.1"))
    assert builds._held == []


VRT = """<VRTDataset rasterXSize="9" rasterYSize="9"><SRS>EPSG:4326</SRS><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""


def tiff(path, width, height, count=1, kind="uint8", **profile):
    """A sparse GeoTIFF: sizes without samples."""
    place = {"crs": "EPSG:4326", "transform": from_origin(8, 47, 1e-5, 1e-5)}
    settings = {"driver": "GTiff", "width": width, "height": height, "count": count, "dtype": kind, **place, **profile}
    with rasterio.open(path, "w", SPARSE_OK=True, **settings):
        return path


def test_what_is_no_geotiff_is_refused_by_its_content(tmp_path):
    for name, content in {
        "vrt.tif": VRT.encode(),
        "empty.tif": b"",
        "text.tiff": b"hello",
        "cut.tif": b"II*\0\x08\0\0\0",
        "noise.tif": b"MM\0*" + bytes(range(200)),
        "real.vrt": VRT.encode(),
        "index.gti.gpkg": b"SQLite format 3\0",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadUpload, match="GeoTIFF"):
            plan(tmp_path / name, 100, 0.5)


@pytest.mark.parametrize(
    ("width", "height", "count", "kind", "profile"),
    [
        (30_000, 20_000, 1, "uint8", {"tiled": True}),
        (100, 100, 17, "uint8", {}),
        (15_000, 15_000, 4, "float64", {"tiled": True}),
        (17_000, 17_000, 1, "uint8", {"tiled": True, "blockxsize": 17_008, "blockysize": 17_008}),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_decoded(tmp_path, width, height, count, kind, profile):
    path = tiff(tmp_path / "large.tif", width, height, count, kind, **profile)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BadUpload, match="too large"):
        plan(path, 100, 0.5)


def test_a_large_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(services_upload, "MOST_BYTES", 1000)
    with pytest.raises(BadUpload, match="MB"):
        plan(write_raster(tmp_path / "large.tif", imagery(100)), 100, 0.5)


def test_what_lies_nowhere_is_told(tmp_path):
    with pytest.raises(BadUpload, match=r"\(CRS\)\. Save it with one\.$"):  # names no option of the command line
        plan(tiff(tmp_path / "a.tif", 300, 300, crs=None), 100, 0.5)
    with pytest.raises(GalleryError):
        plan(tiff(tmp_path / "b.tif", 300, 300, transform=from_origin(8e9, 47, 1, 1)), 100, 0.5)


def test_a_file_beside_the_upload_is_not_read(tmp_path):
    path = tiff(tmp_path / "a.tif", 300, 300, crs=None)
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>")
    with pytest.raises(BadUpload, match="CRS"):
        plan(path, 100, 0.5)


@pytest.mark.parametrize(
    ("side_m", "overlap", "words"),
    [(0, 0.5, "side"), (-3, 0.5, "side"), (float("nan"), 0.5, "side"), (100, 0.99, "overlap"), (16, 0.95, "4,000")],
)
def test_tiles_that_cannot_be_are_a_sentence(upload, side_m, overlap, words):
    with pytest.raises(BadUpload, match=words):
        plan(upload, side_m, overlap)


def test_names_and_times_in_words():
    assert title_of(Path("a/<img src=x onerror=hit()>.tif")) == "img-src-x-onerror-hit"
    assert (
        title_of(Path("../../..tif")) == title_of(Path("…….tif")) == "my-area" and len(title_of(Path("x" * 99))) == 40
    )
    begun = Progress(done=0, total=10, tiles=0, resumed=0, seconds=0.0)
    assert progress_text(begun) == "Tiles embedded"
    assert progress_text(replace(begun, done=50, total=150, seconds=5.0)) == "Tiles embedded, 10 a second, 10 s left"
    assert "10 min left" in progress_text(replace(begun, done=10, total=610, seconds=10.0))
