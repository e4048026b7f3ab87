"""Somebody else's gallery shows nothing that lies outside its folder, whatever its rasters point at."""

import json
import re
import time

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
from rasterio.shutil import copy
from shapely.geometry import box

from gallery import build_gallery
from gallery.errors import DamagedGallery, GalleryError
from gallery.imagery.mosaic import clusters, look_at, write_mosaic
from gallery.imagery.raster_io import LAYER
from gallery.store.checksums import sealed
from gallery.store.foreign import require_own_imagery, require_own_pixels
from gallery.store.gallery import Gallery
from gallery.store.manifest import MANIFEST, TILES
from mean_model.photo import PhotoFiles
from tests.helpers.bad_files import jpeg_bytes, picture
from tests.helpers.builders import write_raster
from tests.helpers.hostile_pictures import many_scans, many_segments


@pytest.fixture
def theirs(tmp_path):
    folder = tmp_path / "theirs"
    for number in range(2):
        write_raster(folder / "maps" / f"{number}.tif", origin=(1_000_000 + 600 * number, 6_000_000))
    return folder


def write_positions(folder):
    """Two photos, and the list that says where they were taken."""
    for number in range(2):
        (folder / f"{number}.jpg").write_bytes(jpeg_bytes(picture(320, 240, seed=number)))
    (folder / "places.csv").write_text("file,lon,lat\n0.jpg,7.5,47.5\n1.jpg,7.501,47.5\n")
    return folder / "places.csv"


def index_of(rasters, folder):
    (cluster,) = clusters([look_at(raster) for raster in rasters])
    return write_mosaic(cluster, folder)


def altered(index, locations, layer=LAYER, column="location", **options):
    """The index again, with other entries."""
    shapes = [box(1_000_000, 5_999_000, 1_001_000, 6_000_000)] * len(locations)
    table = geopandas.GeoDataFrame({column: locations, "z_order": range(len(locations))}, geometry=shapes, crs=3857)
    index.unlink()
    table.to_file(index, driver="GPKG", layer=layer, engine="pyogrio", layer_metadata=options)
    return index


def test_own_rasters_and_a_mosaic_of_them_are_taken(theirs):
    rasters = sorted((theirs / "maps").glob("*.tif"))
    for raster in [*rasters, index_of(rasters, theirs / "mosaics")]:
        require_own_pixels(raster, theirs)


def test_a_gallery_with_a_mosaic_in_its_folder_passes_as_a_whole(theirs, embedder):
    gallery = build_gallery(theirs / "maps", theirs, embedder, 80, overlap=0)
    assert gallery.tile(0).source.startswith("mosaics/") and require_own_imagery(theirs) == theirs
    altered(theirs / gallery.tile(0).source, ["../../private.tif"])
    with pytest.raises(DamagedGallery, match="outside its folder"):
        require_own_imagery(theirs)


def test_a_gallery_that_is_searched_by_a_server_is_refused(theirs, embedder):
    """It would be given this machine's token, and the vectors of its photos."""
    build_gallery(theirs / "maps", theirs, embedder, 80, overlap=0)
    manifest = json.loads((theirs / MANIFEST).read_text())
    manifest["index"] = {"kind": "milvus", "uri": "http://192.0.2.1:19530", "collection": "tiles"}
    (theirs / MANIFEST).write_text(json.dumps(sealed(manifest)))
    with pytest.raises(DamagedGallery, match="searched by somebody's server"):
        require_own_imagery(theirs)


@pytest.mark.parametrize(
    "location",
    ["../../private.tif", "/etc/private.tif", "/vsicurl/http://localhost/x.tif", "<VRTDataset/>", "../maps/v.vrt"],
)
def test_an_index_of_other_files_is_refused(theirs, location):
    rasters = sorted((theirs / "maps").glob("*.tif"))
    write_raster(theirs.parent / "private.tif")
    copy(theirs.parent / "private.tif", theirs / "maps" / "v.vrt", driver="VRT")
    index = altered(index_of(rasters, theirs / "mosaics"), ["../maps/0.tif", location])
    with pytest.raises(DamagedGallery):
        require_own_pixels(index, theirs)


@pytest.mark.parametrize(
    "options",
    [
        {"column": "elsewhere", "LOCATION_FIELD": "elsewhere"},
        {"OVERVIEW_0_DATASET": "../../private.tif"},
        {"layer": "another"},
    ],
)
def test_an_index_with_other_settings_is_refused(theirs, options):
    index = index_of(sorted((theirs / "maps").glob("*.tif")), theirs / "mosaics")
    with pytest.raises(DamagedGallery):
        require_own_pixels(altered(index, ["../maps/0.tif"], **options), theirs)


def test_virtual_rasters_and_notes_beside_a_raster_are_refused(theirs):
    raster = theirs / "maps" / "0.tif"
    copy(raster, theirs / "maps" / "v.vrt", driver="VRT")
    (theirs / "maps" / "disguised.tif").write_bytes((theirs / "maps" / "v.vrt").read_bytes())
    for name in ("v.vrt", "disguised.tif", "absent.tif"):
        with pytest.raises(DamagedGallery):
            require_own_pixels(theirs / "maps" / name, theirs)
    raster.with_name("0.tif.aux.xml").write_text("<PAMDataset/>")
    with pytest.raises(DamagedGallery, match="point at files"):
        require_own_pixels(raster, theirs)


def test_a_picture_that_reads_as_a_pointer_too_is_refused(theirs):
    raster = theirs / "maps" / "0.tif"
    write_raster(raster)
    data = raster.read_bytes()
    raster.write_bytes(data[:200] + b"<VRTDataset>" + data[212:])
    with pytest.raises(DamagedGallery):
        require_own_pixels(raster, theirs)


@pytest.fixture
def private(tmp_path):
    """A raster of this machine that no gallery of others may show."""
    raster = tmp_path / "private.tif"
    write_raster(raster)
    return raster


@pytest.mark.parametrize("name", ["0.tif.ovr", "0.tif.OVR", "0.tif.msk", "0.tif.ovr.ovr", "0.tif.aux.xml", "0.aux"])
@pytest.mark.parametrize("seen", ["a VRT", "a VRT of a server", "an index of tiles", "text"])
def test_whatever_lies_beside_a_raster_shows_no_other_file(theirs, private, name, seen):
    beside = theirs / "maps" / name
    if seen == "an index of tiles":
        beside.write_text(f"<GDALTileIndexDataset><IndexDataset>{private}</IndexDataset></GDALTileIndexDataset>")
    elif seen == "text":
        beside.write_text("nothing that GDAL knows")
    else:
        copy(private, beside, driver="VRT")
        there = "/vsicurl/http://127.0.0.1:9/private.tif" if "server" in seen else str(private)
        beside.write_text(re.sub("(<SourceFilename[^>]*>)[^<]*", rf"\1{there}", beside.read_text()))
    with pytest.raises(DamagedGallery):
        require_own_pixels(theirs / "maps" / "0.tif", theirs)


@pytest.mark.parametrize("domain", [("OVERVIEWS", "OVERVIEW_FILE"), ("GEOLOCATION", "X_DATASET")])
@pytest.mark.parametrize("there", ["/vsicurl/http://127.0.0.1:9/private.tif", "PRIVATE"])
def test_metadata_that_name_another_file_are_refused(theirs, private, domain, there):
    raster = theirs / "maps" / "0.tif"
    with rasterio.open(raster, "r+") as file:
        file.update_tags(ns=domain[0], **{domain[1]: there.replace("PRIVATE", str(private))})
    with pytest.raises(DamagedGallery, match="point at files"):
        require_own_pixels(raster, theirs)


def test_smaller_copies_and_a_mask_beside_a_raster_are_taken(theirs):
    raster = theirs / "maps" / "0.tif"
    with rasterio.Env(TIFF_USE_OVR=True, GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(raster, "r+") as file:
        file.build_overviews([2])
        file.write_mask(True)
    raster.with_name("0.tif.aux.xml").unlink(missing_ok=True)
    assert {"0.tif.ovr", "0.tif.msk"} <= {file.name for file in raster.parent.iterdir()}
    require_own_pixels(raster, theirs)
    raster.with_name("0.tif.ovr").write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(DamagedGallery, match="damaged"):
        require_own_pixels(raster, theirs)


BLOCK = {"blockxsize": 4_096, "blockysize": 4_096}
COSTLY = {
    "a block of a gigabyte": {"width": 40_000, "height": 40_000, "blockysize": 40_000, "compress": "deflate"},
    "nothing, where a terabyte is said to be": {"width": 1_000_000, "height": 1_000_000, "tiled": True, **BLOCK},
    "many bands": {"width": 64, "height": 64, "count": 40},
    "LZMA": {"width": 64, "height": 64, "compress": "lzma"},
}


@pytest.mark.parametrize("what", COSTLY)
def test_a_raster_that_takes_minutes_to_unpack_is_refused_by_its_head(theirs, what):
    raster = theirs / "maps" / "0.tif"
    facts = {"count": 1, "dtype": "uint8", "crs": "EPSG:3857", "sparse_ok": True, "bigtiff": "yes", **COSTLY[what]}
    place = rasterio.transform.from_origin(1_000_000, 6_000_000, 1, 1)
    with rasterio.open(raster, "w", driver="GTiff", transform=place, **facts):
        pass
    assert raster.stat().st_size < 20_000_000
    begun = time.thread_time()
    with pytest.raises(DamagedGallery, match=r"0\.tif of the gallery .*: not opened"):
        require_own_pixels(raster, theirs)
    assert time.thread_time() - begun < 2


def test_formats_whose_cost_is_not_known_before_and_large_pictures_are_refused(theirs):
    copy(theirs / "maps" / "0.tif", theirs / "maps" / "0.jp2", driver="JP2OpenJPEG")
    with pytest.raises(DamagedGallery, match=r"0\.jp2 .* one's own galleries only"):
        require_own_pixels(theirs / "maps" / "0.jp2", theirs)


@pytest.mark.parametrize("changed", [{"width_px": 40_000, "height_px": 40_000}, {"width_px": -3}, {"cutout": True}])
def test_tiles_that_show_far_too_much_are_refused(theirs, embedder, changed):
    build_gallery(theirs / "maps", theirs, embedder, 80, overlap=0)
    assert require_own_imagery(theirs) == theirs
    table = pq.read_table(theirs / TILES)
    for name, value in changed.items():
        if name == "cutout":
            value = np.diag([1e4, 1e4, 1.0]).astype("<f8").tobytes()
        column = pa.array([value] * len(table), table.schema.field(name).type)
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), column)
    pq.write_table(table, theirs / TILES)
    with pytest.raises(DamagedGallery, match="far too large"):
        require_own_imagery(theirs)


@pytest.mark.parametrize("made", [lambda: many_scans(8_000, 8_000, 60), lambda: many_segments(500_000)])
def test_a_picture_of_somebody_elses_gallery_is_read_within_the_bounds_of_photos(tmp_path, embedder, made):
    (tmp_path / "pictures").mkdir()
    places = write_positions(tmp_path / "pictures")
    build_gallery(tmp_path / "pictures", tmp_path / "theirs", embedder, 80, positions=places)
    (tmp_path / "pictures" / "0.jpg").write_bytes(made())
    gallery = Gallery.open(tmp_path / "theirs", PhotoFiles())
    begun = time.process_time()
    with pytest.raises(GalleryError, match="which no camera writes"):
        gallery.image(gallery.tile(0))
    assert time.process_time() - begun < 1
    assert gallery.image(gallery.tile(1), 50).size == (50, 38)
