"""Building: what becomes a tile, stopping and going on, and an old gallery that answers until the new one is whole."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.build.pipeline import read_ahead
from gallery.build.sources import ImagerySettings
from gallery.errors import BuildError, GalleryError, PositionsError, SourceError
from gallery.geo import LonLat, distance_m, size_m
from gallery.store.check import check_gallery
from gallery.store.manifest import DATA_FILES, MANIFEST, VECTORS, aside
from tests.helpers import ROOT
from tests.helpers.builders import FakeEmbedder, FakePose, FakePosition, digest, textured


def same(a: Gallery, b: Gallery) -> bool:
    return [digest(a.folder / name) for name in DATA_FILES] == [digest(b.folder / name) for name in DATA_FILES]


def test_raster_tiles_remember_their_window_and_are_read_from_it(make_raster, tmp_path, embedder):
    gallery = build_gallery(make_raster(), tmp_path / "g", embedder, tile_size_m=80)
    for row in (0, len(gallery) // 2, len(gallery) - 1):
        picture = gallery.image(gallery.tile(row), embedder.image_size)
        assert gallery.vectors[row] == pytest.approx(embedder.embed([picture])[0], abs=2e-3)
    assert sorted(os.listdir(tmp_path)) == ["g", "region.tif"]
    assert sorted(os.listdir(tmp_path / "g")) == sorted([MANIFEST, *DATA_FILES])


def test_sources_are_noted_relative_to_the_gallery_and_move_with_it(make_raster, tmp_path, embedder):
    raster = make_raster("home/region.tif")
    build_gallery(raster, tmp_path / "home" / "g", embedder)
    shutil.move(tmp_path / "home", tmp_path / "elsewhere")
    gallery = Gallery.open(tmp_path / "elsewhere" / "g")
    assert gallery.tile(0).source == "../region.tif" and gallery.image(gallery.tile(0)).mode == "RGB"
    assert str(tmp_path) not in (gallery.folder / MANIFEST).read_text()
    assert check_gallery(gallery) == []


def test_a_raster_inside_the_gallery_folder_survives_rebuilds(make_raster, tmp_path, embedder):
    raster = make_raster("g/region.tif")
    (tmp_path / "g" / "notes").mkdir()
    (tmp_path / "g" / "notes" / "licence.txt").write_text("mine")
    for _ in range(3):
        gallery = build_gallery(raster, tmp_path / "g", embedder)
        assert gallery.tile(0).source == "region.tif" and check_gallery(gallery) == []
        assert (tmp_path / "g" / "notes" / "licence.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["g"]


def test_build_twice_is_build_once(make_raster, tmp_path, embedder):
    raster = make_raster()
    first, second = (build_gallery(raster, tmp_path / name, embedder) for name in ("a", "b"))
    assert same(first, second) and first.manifest == second.manifest
    assert same(build_gallery(raster, tmp_path / "a", embedder, options=BuildOptions(batch_size=7)), second)


def test_empty_tiles_are_skipped_and_counted(make_raster, tmp_path, embedder):
    pixels = textured(400, 600)
    pixels[:, :, 300:] = 0
    pixels[:, :, :300] = np.maximum(pixels[:, :, :300], 1)
    gallery = build_gallery(make_raster(pixels=pixels, nodata=0), tmp_path / "g", embedder, 60, overlap=0)
    skipped = gallery.manifest["skipped"]
    assert sum(skipped.values()) > 0 and list(skipped) == ["empty (no data or transparent)"]
    assert all(tile_lon < gallery.info()["bounds"][2] for tile_lon in gallery.tiles["lon"])
    with pytest.raises(BuildError, match="No tile came out"):
        empty = make_raster("empty.tif", pixels=np.zeros((3, 200, 200), np.uint8), nodata=0)
        build_gallery(empty, tmp_path / "h", embedder)
    assert not aside(tmp_path / "h", "building").exists()


def test_tiles_without_detail_are_left_out_unless_they_shall_be_kept(make_raster, tmp_path, embedder):
    pixels = textured(400, 600)
    pixels[:, :, 300:] = 120 + (textured(400, 300) > 128)  # by half a grey level
    raster = make_raster(pixels=pixels)
    gallery = build_gallery(raster, tmp_path / "g", embedder, 60, overlap=0)
    kept = build_gallery(raster, tmp_path / "h", embedder, 60, overlap=0, options=BuildOptions(keep_featureless=True))
    assert gallery.manifest["skipped"] == {"without detail": len(kept) - len(gallery)} and len(gallery) < len(kept)
    details = kept.table.numbers("detail")
    assert np.count_nonzero(details < 1) == len(kept) - len(gallery) and gallery.table.numbers("detail").min() >= 1


def test_several_scales_in_one_gallery(make_raster, tmp_path, embedder):
    raster = make_raster()
    gallery = build_gallery(raster, tmp_path / "g", embedder, [80, 160])
    parts = [build_gallery(raster, tmp_path / str(size_m), embedder, size_m) for size_m in (80, 160)]
    assert len(gallery) == sum(map(len, parts)) and len(set(gallery.tiles["id"])) == len(gallery)
    assert gallery.scales_m.tolist() == [*[80.0] * len(parts[0]), *[160.0] * len(parts[1])]
    assert np.array_equal(gallery.vectors, np.concatenate([part.vectors for part in parts]))
    assert gallery.manifest["build"]["tile_size_m"] == [80, 160] and gallery.tile(0).scale_m == 80
    for sizes_m in ([], [80, 80], [80, -1]):
        with pytest.raises(BuildError, match=r"[Tt]ile size"):
            build_gallery(raster, tmp_path / "g", embedder, sizes_m)


def test_the_same_pixels_are_embedded_once(make_raster, tmp_path, embedder):
    pixels = textured(400, 400)
    pixels[:, 200:, 200:] = pixels[:, :200, :200]
    raster = make_raster("a.tif", "EPSG:32633", (500_000, 5_500_000), pixels=np.tile(pixels, (1, 1, 2)))
    gallery = build_gallery(raster, tmp_path / "g", embedder, 100, overlap=0, options=BuildOptions(batch_size=5))
    different = len(set(gallery.tiles["content"]))
    assert different < len(gallery) and embedder.embedded == different
    again = build_gallery(raster, tmp_path / "g", embedder, 100, overlap=0)
    assert embedder.embedded == different and same(again, build_gallery(raster, tmp_path / "h", embedder, 100, 0))
    other = FakeEmbedder(fingerprint="another")
    build_gallery(raster, tmp_path / "g", other, 100, overlap=0)
    assert other.embedded == different


def test_a_damaged_gallery_lends_no_vectors(make_raster, tmp_path, embedder):
    raster = make_raster()
    built = build_gallery(raster, tmp_path / "g", embedder)
    whole, count = (built.folder / VECTORS).read_bytes(), embedder.embedded
    (built.folder / VECTORS).write_bytes(whole[:-1] + b"\x11")
    assert check_gallery(build_gallery(raster, tmp_path / "g", embedder)) == [] and embedder.embedded == 2 * count
    assert (tmp_path / "g" / VECTORS).read_bytes() == whole


@pytest.mark.parametrize("readers", [1, 4])
def test_batches_come_in_their_order_however_many_read_them(readers):
    def read(tasks):
        time.sleep(0.002 * (tasks[0] % 3))
        reading.add(threading.get_ident())
        return tasks

    reading: set[int] = set()
    batches = [[number] for number in range(20)]
    assert list(read_ahead(read, iter(batches), readers)) == batches and 1 <= len(reading) <= readers
    first = read_ahead(read, iter(batches), readers)
    assert next(first) == [0]
    first.close()  # what waits is not read any more


def test_what_progress_raises_stops_a_build_that_goes_on_later(make_raster, tmp_path, embedder):
    class Stopped(Exception):
        pass

    def stop(progress):
        seen.append(progress)
        if progress.done >= 20:
            raise Stopped

    raster, out, seen = make_raster(), tmp_path / "g", []
    old = build_gallery(raster, out, embedder, 120)
    whole = build_gallery(raster, tmp_path / "whole", FakeEmbedder(), 50, options=BuildOptions(batch_size=10))
    with pytest.raises(Stopped):
        build_gallery(raster, out, embedder, 50, progress=stop, options=BuildOptions(batch_size=10))
    assert [progress.done for progress in seen] == [0, 10, 20] and seen[0].seconds_left is None
    assert seen[1].seconds_left == pytest.approx((seen[1].total - 10) / seen[1].per_second)
    assert Gallery.open(out).manifest == old.manifest
    before = embedder.embedded
    assert same(build_gallery(raster, out, embedder, 50, options=BuildOptions(batch_size=10)), whole)
    assert embedder.embedded - before <= len(whole) - 20


def test_several_rasters_of_one_name(make_raster, tmp_path, embedder):
    rasters = [
        make_raster(f"{part}/map.tif", origin=(1_000_000 + 900 * number, 6_000_000), pixels=textured(200, 200, number))
        for number, part in enumerate("ab")
    ]
    gallery = build_gallery([*rasters, rasters[0]], tmp_path / "g", embedder)
    assert len(set(gallery.tiles["id"])) == len(gallery) and set(gallery.tiles["source"]) == {
        "../a/map.tif",
        "../b/map.tif",
    }


def write_csv(folder: Path, rows: list[str], header: str = "file,lon,lat") -> Path:
    file = folder.parent / "places.csv"
    file.write_text("\n".join([header, *rows]))
    return file


def test_folder_with_csv(make_photos, tmp_path, embedder):
    photos = make_photos(4)
    (photos / "broken.jpg").write_text("no picture")
    places = write_csv(photos, ["0.jpg,10,50", "1.jpg,10.01,50", "2.jpg,10.02,50", "broken.jpg,10,50"])
    with pytest.raises(PositionsError, match=r"1 of 5 images are not in the list of positions: 3\.jpg\. "):
        build_gallery(photos, tmp_path / "g", embedder, tile_size_m=90, positions=places)
    assert embedder.embedded == 0 and not (tmp_path / "g").exists()
    gallery = build_gallery(
        photos,
        tmp_path / "g",
        embedder,
        tile_size_m=90,
        positions=places,
        options=BuildOptions(stated=ImagerySettings(unplaced="skip")),
    )
    assert list(gallery.tiles["id"]) == ["0.jpg", "1.jpg", "2.jpg"]
    assert gallery.manifest["skipped"] == {"not in the list of positions": 1, "unreadable": 1}
    tile = gallery.tile(1)
    assert tile.centre == LonLat(10.01, 50) and size_m(tile.bounds) == pytest.approx((90, 90), rel=1e-3)
    assert tile.placed == "assumed square of 90 m" and tile.metres_per_px == pytest.approx(90 / 96, rel=1e-3)
    assert gallery.image(tile, 32).size == (32, 32)


def test_stated_extents_are_kept(make_photos, tmp_path, embedder):
    photos = make_photos(1)
    places = write_csv(photos, ["0.jpg,10,50,9.999,49.999,10.001,50.001"], "file,lon,lat,west,south,east,north")
    tile = build_gallery(photos, tmp_path / "g", embedder, positions=places).tile(0)
    assert tile.bounds.as_list() == [9.999, 49.999, 10.001, 50.001] and tile.placed == "stated extent"


def test_positions_from_names_and_from_exif(make_photos, tmp_path):
    photos = make_photos(3)
    (photos / "0.jpg").rename(photos / "@11.5@47.25@.jpg")
    embedder = FakeEmbedder(positions={"1.jpg": FakePosition(8, 46)})
    with pytest.raises(PositionsError, match=r"1 of 3 images have no position.*: 2\.jpg\. .*--unplaced skip"):
        build_gallery(photos, tmp_path / "g", embedder)
    gallery = build_gallery(
        photos, tmp_path / "g", embedder, options=BuildOptions(stated=ImagerySettings(unplaced="skip"))
    )
    assert [tuple(pair) for pair in gallery.centres] == [(8, 46), (11.5, 47.25)]
    assert gallery.manifest["skipped"] == {"without a position": 1}


def test_georeferenced_tiffs_of_a_folder_are_cut(make_raster, tmp_path, embedder):
    make_raster("maps/a.tif")
    gallery = build_gallery(tmp_path / "maps", tmp_path / "g", embedder)
    assert len(gallery) > 4 and gallery.tile(0).window is not None


def test_refusals(make_raster, make_photos, tmp_path, embedder):
    raster = make_raster()
    with pytest.raises(BuildError, match="overlap"):
        build_gallery(raster, tmp_path / "g", embedder, overlap=1)
    with pytest.raises(BuildError, match="positive"):
        build_gallery(raster, tmp_path / "g", embedder, tile_size_m=float("nan"))
    with pytest.raises(SourceError, match="no raster or folder"):
        build_gallery(tmp_path / "absent", tmp_path / "g", embedder)
    with pytest.raises(PositionsError, match="no folder"):
        build_gallery(raster, tmp_path / "g", embedder, positions=tmp_path / "p.csv")
    with pytest.raises(PositionsError, match="--positions"):
        build_gallery(make_photos(2), tmp_path / "g", embedder)
    with pytest.raises(BuildError, match="--positions"):
        build_gallery(
            make_photos(2), tmp_path / "g", embedder, options=BuildOptions(stated=ImagerySettings(unplaced="skip"))
        )
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="is a file"):
        build_gallery(raster, tmp_path / "file", embedder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "vectors.npy").touch()
    with pytest.raises(BuildError, match="another folder"):
        build_gallery(raster, tmp_path / "mine", embedder)


def test_an_embedder_that_breaks_its_word_is_refused(make_raster, tmp_path):
    class Long(FakeEmbedder):
        def embed(self, images):
            return super().embed(images) * 2

    with pytest.raises(BuildError, match="another shape or length"):
        build_gallery(make_raster(), tmp_path / "g", Long())


class Stops(FakeEmbedder):
    """Is interrupted in its n-th batch."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def embed(self, images):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().embed(images)


def test_an_interrupted_build_goes_on(make_raster, tmp_path, embedder):
    raster = make_raster()
    whole = build_gallery(
        raster, tmp_path / "whole", FakeEmbedder(), tile_size_m=50, options=BuildOptions(batch_size=10)
    )
    with pytest.raises(KeyboardInterrupt):
        build_gallery(raster, tmp_path / "g", Stops(3), tile_size_m=50, options=BuildOptions(batch_size=10))
    seen = []
    resumed = build_gallery(
        raster, tmp_path / "g", embedder, tile_size_m=50, options=BuildOptions(batch_size=10), progress=seen.append
    )
    assert embedder.embedded == len(whole) - 30 and same(resumed, whole)
    assert seen[0].done == seen[0].resumed == 30 and seen[-1].done == seen[-1].total
    assert os.listdir(tmp_path).count("g.building") == 0


def test_an_image_that_has_gone_meanwhile_is_no_tile(make_photos, tmp_path, embedder):
    photos = make_photos(6)
    places = write_csv(photos, [f"{number}.jpg,10,5{number}" for number in range(6)])
    with pytest.raises(KeyboardInterrupt):
        build_gallery(photos, tmp_path / "g", Stops(2), positions=places, options=BuildOptions(batch_size=2))
    (photos / "1.jpg").unlink()
    gallery = build_gallery(photos, tmp_path / "g", embedder, positions=places, options=BuildOptions(batch_size=2))
    assert list(gallery.tiles["id"]) == ["0.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"] and embedder.embedded == 2
    assert gallery.vectors[1] == pytest.approx(embedder.embed([embedder.read(photos / "2.jpg")])[0], abs=1e-3)
    assert check_gallery(gallery) == [] and sorted(os.listdir(tmp_path)) == ["g", "photos", "places.csv"]


def test_an_image_that_changed_meanwhile_is_read_anew(make_photos, tmp_path, embedder):
    photos = make_photos(6)
    places = write_csv(photos, [f"{number}.jpg,10,5{number}" for number in range(6)])
    with pytest.raises(KeyboardInterrupt):
        build_gallery(photos, tmp_path / "g", Stops(2), positions=places, options=BuildOptions(batch_size=2))
    Image.open(photos / "5.jpg").rotate(90).save(photos / "1.jpg")
    gallery = build_gallery(photos, tmp_path / "g", embedder, positions=places, options=BuildOptions(batch_size=2))
    assert embedder.embedded == 3 and same(gallery, build_gallery(photos, tmp_path / "h", embedder, positions=places))


def test_other_settings_do_not_go_on_with_old_parts(make_raster, tmp_path, embedder):
    raster = make_raster()
    with pytest.raises(KeyboardInterrupt):
        build_gallery(raster, tmp_path / "g", Stops(2), tile_size_m=50, options=BuildOptions(batch_size=10))
    gallery = build_gallery(raster, tmp_path / "g", embedder, tile_size_m=80, options=BuildOptions(batch_size=10))
    assert embedder.embedded == len(gallery) and check_gallery(gallery) == []


@pytest.mark.parametrize(
    "step", ["build.write.write_index", "build.write.file_facts", "build.pipeline.swap_in", "os.rename"]
)
def test_the_old_gallery_opens_wherever_a_build_dies(make_raster, tmp_path, embedder, monkeypatch, step):
    old_raster = make_raster("g/old.tif", pixels=textured(300, 300, 1))
    old = build_gallery(old_raster, tmp_path / "g", embedder)
    new_raster = make_raster("new.tif", pixels=textured(300, 400, 2))

    def die(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "os.rename":  # between the two renames
            original = Path.rename

            def once(path, target):
                if str(path).endswith(".building"):
                    die()
                return original(path, target)

            patch.setattr(Path, "rename", once)
        else:
            patch.setattr(f"gallery.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            build_gallery(new_raster, tmp_path / "g", embedder)
    standing = Gallery.open(tmp_path / "g")
    assert standing.manifest == old.manifest and check_gallery(standing) == []
    count = embedder.embedded
    new = build_gallery(new_raster, tmp_path / "g", embedder)
    assert check_gallery(new) == [] and new.tile(0).source == "../new.tif"
    assert embedder.embedded == count, "the parts of the stopped build were used"
    assert (tmp_path / "g" / "old.tif").is_file()
    assert not aside(tmp_path / "g", "previous").exists() and not aside(tmp_path / "g", "building").exists()


KILLED = """
import sys, time
from tests.helpers.builders import FakeEmbedder
from gallery import build_gallery
from gallery.build.options import BuildOptions

class Slow(FakeEmbedder):
    def embed(self, images):
        time.sleep(0.05)
        return super().embed(images)

build_gallery({raster!r}, {out!r}, Slow(), tile_size_m=50, options=BuildOptions(batch_size=5),
              progress=lambda progress: print(progress.done, flush=True))
"""


@pytest.mark.process
def test_a_killed_process_goes_on_with_the_same_command(make_raster, tmp_path, embedder):
    raster, out = make_raster(), tmp_path / "g"
    whole = build_gallery(
        raster, tmp_path / "whole", FakeEmbedder(), tile_size_m=50, options=BuildOptions(batch_size=5)
    )
    code = KILLED.format(raster=str(raster), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 15:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not out.exists() and aside(out, "building").is_dir()
    resumed = build_gallery(raster, out, embedder, tile_size_m=50, options=BuildOptions(batch_size=5))
    assert embedder.embedded <= len(whole) - 15 and same(resumed, whole)


@pytest.mark.process
def test_two_builds_do_not_mix(make_raster, tmp_path, embedder):
    raster, out = make_raster(), tmp_path / "g"
    code = KILLED.format(raster=str(raster), out=str(out))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        with pytest.raises(BuildError, match="Another build"):
            build_gallery(raster, out, embedder, tile_size_m=50, options=BuildOptions(batch_size=5))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_photo_refused_by_the_embedders_own_error_is_left_out(make_photos, tmp_path):
    class Refusal(Exception):
        pass

    class Strict(FakeEmbedder):
        photo_errors = (Refusal,)

        def read(self, source, least_px=0):
            if Path(source).name == "1.jpg":
                raise Refusal("1.jpg is not liked.")
            return super().read(source)

    photos = make_photos(3)
    places = write_csv(photos, [f"{number}.jpg,10,5{number}" for number in range(3)])
    gallery = build_gallery(photos, tmp_path / "g", Strict(), positions=places)
    assert gallery.manifest["skipped"] == {"unreadable": 1} and len(gallery) == 2


def test_a_tile_refused_by_the_embedder_ends_the_build_in_a_sentence(make_raster, tmp_path):
    class Refusal(Exception):
        pass

    class Strict(FakeEmbedder):
        photo_errors = (Refusal,)

        def embed(self, photos):
            raise Refusal("photo is 60 x 20 pixels.")

    with pytest.raises(BuildError, match="refuses a tile: photo is 60 x 20 pixels"):
        build_gallery(make_raster(), tmp_path / "g", Strict())


def test_pictures_with_too_many_pixels_are_not_shown(make_photos, tmp_path, embedder, monkeypatch):
    photos = make_photos(1)
    gallery = build_gallery(photos, tmp_path / "g", embedder, positions=write_csv(photos, ["0.jpg,1,2"]))
    monkeypatch.setattr("gallery.imagery.images.MAX_IMAGE_PX", 100)
    with pytest.raises(GalleryError, match="too many pixels"):
        gallery.image(gallery.tile(0))


def test_real_cells_with_their_manifest(tmp_path, embedder):
    cells = ROOT.parent / "shared" / "data" / "oam_cells"
    if not cells.is_dir():
        pytest.skip("shared/data/oam_cells is not on this machine")
    small = tmp_path / "cells"
    (small / "cells").mkdir(parents=True)
    for path in sorted((cells / "cells").glob("zanzibar*"))[:8]:
        shutil.copy(path, small / "cells")
    gallery = build_gallery(small, tmp_path / "g", embedder, positions=cells / "manifest.csv")
    assert len(gallery) == 8 and set(gallery.tiles["placed"]) == {"stated extent"}
    assert gallery.tiles["metres_per_px"].to_numpy() == pytest.approx(0.0742, rel=0.02)
    assert distance_m(gallery.tile(0).centre, LonLat(39.2407608, -6.0425775)) < 100
    assert check_gallery(gallery) == []


def test_gallery_json_is_readable_json(make_raster, tmp_path, embedder):
    gallery = build_gallery(make_raster(), tmp_path / "g", embedder, options=BuildOptions(model_source="starter"))
    manifest = json.loads((gallery.folder / MANIFEST).read_text())
    assert manifest["format"] == 3 and manifest["tiles"] == len(gallery)
    assert manifest["model"] == {
        "source": "starter",
        "name": "fake",
        "fingerprint": "fake-8x8",
        "dimension": 193,
        "precision": "float32",
    }
    assert all(len(entry["sha256"]) == 64 for entry in manifest["files"].values())


def test_an_extent_by_height_and_focal_length(tmp_path, make_photos):
    poses = {"0.jpg": FakePose(10, height_m=50, focal_35mm=24)}
    embedder = FakeEmbedder(positions={"0.jpg": FakePosition(8, 46)}, poses=poses)
    tile = build_gallery(make_photos(1), tmp_path / "g", embedder).tile(0)
    assert tile.placed == "estimated from heading, height above ground and focal length"
