"""Evaluation against a gallery: where the truth comes from, what is named, turns, poses, and both protocols."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer, build_gallery
from gallery.build.options import BuildOptions
from gallery.geo import LonLat, distance_m
from gallery.ground.sheets import make_ground
from gallery.report.ground import OUTCOMES
from gallery.report.report import read_report
from gallery.report.table import inspection_of
from gallery.report.tiles import read_tiles
from gallery.search.options import SearchOptions
from mean_model import load_model
from mean_model.photo import load_photo
from mean_model.photo_metadata import StatedPose
from tests.helpers.builders import build_region, textured, write_truth
from tests.helpers.evaluate_line import refusal, say
from tests.helpers.tiny_model import save_tiny
from train_scripts.data.simulator.camera_files import Shot, camera_metadata
from train_scripts.data.world.rasterise import Appearance
from train_scripts.errors import BadPicture, BadRequest, MissingPart
from train_scripts.evaluation.photos import disturbed, of_gallery, of_world, run

SHOWN = (10, 30)
"""Rows of the tiles that the photos show."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Weights `tiny`, gallery `g`, and in its photos/ two photos of its tiles, turned by 90 degrees, that say so."""
    home = tmp_path_factory.mktemp("asked")
    save_tiny(home / "tiny", 64)
    with load_model(home / "tiny") as embedder:
        gallery = build_region(home, embedder, textured(400, 400, seed=5))
    (home / "g" / "photos").mkdir()
    rows = []
    for row in SHOWN:
        tile = gallery.tile(row)
        at = tile.centre
        exif, xmp = camera_metadata(at.lon, at.lat, 80, Shot(0, 0, 80, 90, -90, 0, Appearance(), 0, 0), 60, 1.0)
        picture = gallery.image(tile, 100).transpose(Image.Transpose.ROTATE_90)  # up is east
        picture.save(home / "g" / "photos" / f"{row}.webp", exif=exif, xmp=xmp, lossless=True)
        rows.append((f"{row}.webp", at.lon, at.lat, 80, "dry"))
    write_truth(home / "g" / "photos", rows, "altitude_m", "condition")
    return home


@pytest.fixture
def photos(home, tmp_path):
    """A copy of the photos to spoil, without the table."""
    folder = shutil.copytree(home / "g" / "photos", tmp_path / "photos")
    (folder / "truth.csv").unlink()
    return folder


def ask(home, request):
    return list(run(replace(request, model=str(home / "tiny"), progress=False)))


@pytest.mark.parametrize(("rotations", "north_up"), [(4, True), (1, True), (4, False)])
def test_turned_photos_are_found_by_heading_or_by_quarters(home, rotations, north_up):
    (found,) = ask(home, of_gallery(home / "g", rotations=rotations, north_up=north_up))
    assert found["recall"]["1"] == 100 and found["queries"] == 2
    assert (found["rotations"], found["north_up"]) == (rotations, north_up)
    assert found["positions"]["ma"]["1"] == 100 and found["median_error_m"] < 1


def test_geometry_says_where_the_photos_lie(home, capsys):
    plain, checked = (ask(home, of_gallery(home / "g", rotations=1, verify=verify))[0] for verify in (False, True))
    assert "verified" not in plain and (checked["verified"], checked["located_right"]) == (2, 2)
    assert checked["verified_median_error_m"] < 1 and checked["verified_far_off"] == 0
    words = say(capsys, "--model", home / "tiny", "--dataset", f"gallery:{home / 'g'}", "--verify")
    assert "verified by geometry 2, median 0." in words


def test_a_report_keeps_what_the_ground_said(home, tmp_path, capsys):
    asked = ("--model", home / "tiny", "--ground", "--rotations", 1)
    own = shutil.copytree(home, tmp_path / "own", ignore=shutil.ignore_patterns("ground", "tiny")) / "g"
    with pytest.raises(BadRequest, match="python -m gallery ground DIR"):
        ask(home, of_gallery(own, ground=True))
    make_ground(Gallery.open(own))
    words = say(capsys, *asked, "--dataset", f"gallery:{own}", "--out", tmp_path / "r.parquet")
    table = inspection_of(read_report(tmp_path / "r.parquet")).table
    assert table["ground_probability"].between(0, 1).all() and table["embedding_rank"].notna().all()
    counts = table["on_ground"].value_counts()
    assert counts.sum() == 2 and all(f"{count} {OUTCOMES[name]}" in words for name, count in counts.items())
    (found,) = ask(home, of_gallery(own, ground=True, rotations=1))
    assert sum(found["on_ground"].values()) == 2 and found["ground"] is True


def test_the_command_line_speaks_as_for_datasets_of_places(home, capsys):
    common = ("--model", home / "tiny", "--rotations", 4)
    found = json.loads(say(capsys, *common, "--dataset", f"gallery:{home / 'g'}", "--json"))
    assert set(found["recall"]) == {"1", "5", "10", "1%"} and found["ap"] > 0
    assert (found["queries"], found["gallery"], found["protocol"]) == (2, 49, "full")
    assert (found["direction"], found["searched"], found["truth"]) == ("drone-to-satellite", "g", "truth.csv")
    # a gallery is its own world, and the photos in it know it
    for path in (home / "g", home / "g" / "photos"):
        again = json.loads(say(capsys, *common, "--dataset", f"world:{path}", "--json"))
        assert {**again, "dataset": "gallery"} == found
    words = say(capsys, *common, "--dataset", f"gallery:{home / 'g'}", "--protocol", "both")
    assert "full protocol (whole gallery): 2 photos against 49 tiles\n" in words
    assert "paper protocol (gallery without the places that no query shows): 2 photos against" in words
    assert "searched in g; truth from truth.csv" in words and words.count("R@1 ") == 2


def test_the_model_is_what_built_the_gallery_unless_named(home, tmp_path, capsys):
    with load_model(home / "tiny") as embedder:
        build_gallery(
            home / "region.tif",
            tmp_path / "g",
            embedder,
            tile_size_m=100,
            options=BuildOptions(model_source=str(home / "tiny")),
        )
    common = ("--dataset", f"gallery:{tmp_path / 'g'}", "--photos", home / "g" / "photos", "--rotations", 1, "--json")
    assert json.loads(say(capsys, *common))["model"] == "tiny"
    assert "embedded by the model tiny" in refusal(capsys, *common, "--model", "starter")


def test_without_a_gallery_a_world_is_searched_in_the_sample(photos):
    (photos / "truth.csv").write_text("file,lon,lat\n10.webp,0,0\n")
    request = of_world(photos)
    assert request.gallery.name == "sample" and (request.gallery / "region.tif").is_file()
    assert of_world(photos, photos.parent).gallery == photos.parent


def test_the_papers_protocol_ranks_only_tiles_that_a_photo_shows(home):
    paper, full = ask(home, of_gallery(home / "g", protocols=("paper", "full"), rotations=1))
    gallery = Gallery.open(home / "g")
    covering = gallery.covering([gallery.tile(row).centre for row in SHOWN])
    for row, rows in zip(SHOWN, covering, strict=True):
        centre = gallery.tile(row).centre
        assert sorted(rows) == [i for i in range(len(gallery)) if gallery.tile(i).contains(centre)]
    shown = len(set(np.concatenate(covering)))
    assert (paper["gallery"], paper["gallery_removed"]) == (shown, 49 - shown)
    assert paper["ap"] >= full["ap"] and (full["gallery"], full["gallery_removed"]) == (49, 0)
    assert "located" in full and "located" not in paper


def test_without_a_table_the_photos_state_their_place(home, photos):
    (stated,) = ask(home, of_gallery(home / "g", photos, rotations=1))
    (listed,) = ask(home, of_gallery(home / "g", rotations=1))
    assert (stated["truth"], stated["notes"]) == ("EXIF", [])
    assert stated["recall"] == listed["recall"] and stated["median_error_m"] == pytest.approx(0, abs=1)
    with Image.open(photos / "10.webp") as picture:
        exif = picture.getexif()
        picture.save(photos / "below.webp", exif=exif)  # no XMP: no height, so where it looks is not known
        picture.save(photos / "nowhere.webp")
    (found,) = ask(home, of_gallery(home / "g", photos, rotations=1))
    assert (found["queries"], found["unplaced"]) == (3, ["nowhere.webp"])
    assert "1 of 3 photos do not state where they look" in found["notes"][0]


def test_positions_may_stand_in_a_list(home, photos, tmp_path):
    at = Gallery.open(home / "g").tile(10).centre
    table = tmp_path / "places.csv"
    table.write_text(f"image;longitude;latitude\n10.webp;{at.lon};{at.lat}\ngone.jpg;0;0\n")
    (found,) = ask(home, of_gallery(home / "g", photos, positions=table, rotations=1))
    assert (found["queries"], found["unplaced"], found["truth"]) == (1, ["30.webp"], "places.csv")
    assert found["notes"] == ["1 of the 2 positions in places.csv belong to no photo."]


def test_a_file_of_poses_says_how_photos_look_that_say_nothing(home, tmp_path, capsys):
    folder = shutil.copytree(home / "g" / "photos", tmp_path / "bare")
    for file in folder.glob("*.webp"):
        with Image.open(file) as picture:
            bare = picture.convert("RGB")
        bare.save(file, lossless=True)
    best = {}
    for name, heading in (("right.csv", 90), ("wrong.csv", 0)):
        (tmp_path / name).write_text("file,yaw,pitch\n" + "".join(f"{row}.webp,{heading},-90\n" for row in SHOWN))
        asked = of_gallery(home / "g", folder, poses=tmp_path / name, rotations=1, out=tmp_path / "r.parquet")
        (found,) = ask(home, asked)
        assert found["poses"] == name
        best[name] = [scores[0] for scores in read_report(tmp_path / "r.parquet").rows["scores"]]
        assert found["recall"]["1"] == 100 or name == "wrong.csv"
    assert np.all(np.array(best["right.csv"]) > np.array(best["wrong.csv"]) + 1e-4)
    (without,) = ask(home, of_gallery(home / "g", folder, rotations=1))
    assert without["poses"] is None
    line = ("--model", home / "tiny", "--dataset", f"gallery:{home / 'g'}", "--poses", tmp_path / "gone.csv")
    assert "no file gone.csv" in refusal(capsys, *line)


def test_the_report_knows_the_rank_in_the_whole_gallery(home, photos, tmp_path):
    gallery = Gallery.open(home / "g")
    exchanged = dict(zip(SHOWN, SHOWN[::-1], strict=True))
    lines = [f"{row}.webp,{gallery.tile(other).centre.lon},{gallery.tile(other).centre.lat}\n" for row, other in
             exchanged.items()]  # fmt: skip
    (photos / "truth.csv").write_text("file,lon,lat\n" + "".join(lines))
    out = tmp_path / "report.parquet"
    (found,) = ask(home, of_gallery(home / "g", photos, rotations=1, out=out))
    report = read_report(out)
    assert found["recall"]["1"] == 0 and report.summary["root"] and found["report"] == "report.parquet"
    for row in report.rows.itertuples():
        assert row.truth_rank > 1 and row.margin < 0 and (tmp_path / row.image).is_file()
        assert row.tile_m[0] == pytest.approx(distance_m(gallery.tile(10).centre, gallery.tile(30).centre), abs=1)
        truth, place = LonLat(row.true_lon, row.true_lat), LonLat(row.lon, row.lat)
        assert row.error_m == pytest.approx(distance_m(truth, place)) and row.radius_m > 50
        assert row.covered and not any(row.tile_true[: row.truth_rank - 1]) and row.sharpness > 0
        assert row.tile_overlap[0] < 1
        assert row.ap == pytest.approx(found["ap"] / 100, abs=0.5) and len(row.tile_lons) == len(row.tile_ids)
    assert report.rows["ap"].mean() == pytest.approx(found["ap"] / 100)
    assert report.thumbnail(report.rows["id"][0]) is None and read_tiles(report, gallery) is not None
    with load_model(home / "tiny") as embedder:
        views = Localizer(gallery, embedder).views(embedder.read(photos / "10.webp"), SearchOptions(1)).views
        expected = embedder.embed([views[0].image])[0]
    assert report.vectors()[0] @ expected == pytest.approx(1, abs=2e-3)
    ask(home, of_gallery(home / "g", photos, rotations=1, out=out, protocols=("paper", "full"), thumbnail_px=20))
    small = read_report(tmp_path / "report-full.parquet").thumbnail("30.webp")
    assert Image.open(io.BytesIO(small)).size == (20, 20)
    assert {file.name for file in tmp_path.glob("report-*")} == {"report-paper.parquet", "report-full.parquet"}


def test_photos_outside_the_gallery_count_as_failures_and_are_named(home, photos):
    at = Gallery.open(home / "g").tile(10).centre
    (photos / "truth.csv").write_text(f"file,lon,lat\n10.webp,{at.lon},{at.lat}\n30.webp,{at.lon},{at.lat + 1}\n")
    (found,) = ask(home, of_gallery(home / "g", photos, rotations=1))
    assert found["recall"]["1"] == 50 and found["without_match"] == 1
    assert "1 of 2 queries have no match in the gallery and count as failures: 30.webp" in found["notes"][0]
    (photos / "truth.csv").write_text(f"file,lon,lat\n10.webp,{at.lat},{at.lon}\n")
    with pytest.raises(BadRequest, match="longitude and latitude are not exchanged"):
        ask(home, of_gallery(home / "g", photos))


def test_an_unreadable_photo_ends_the_run_or_is_named_and_left_out(home, photos):
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    request = of_gallery(home / "g", photos, rotations=1)
    with pytest.raises(BadPicture, match=r"^bad.jpg cannot be used\. .*--skip-unreadable"):
        ask(home, request)
    (found,) = ask(home, replace(request, skip_unreadable=True))
    assert (found["queries"], found["unreadable"]) == (2, ["bad.jpg"])
    at = Gallery.open(home / "g").tile(10).centre
    (photos / "truth.csv").write_text(f"file,lon,lat\nbad.jpg,{at.lon},{at.lat}\ngone.jpg,{at.lon},{at.lat}\n")
    with pytest.raises(MissingPart, match="None of the 2 photos with a known position can be read"):
        ask(home, replace(request, skip_unreadable=True))


def test_what_does_not_fit_is_one_sentence(home, photos, tmp_path, capsys):
    g = f"gallery:{home / 'g'}"
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        (("--dataset", g, "--direction", "satellite-to-drone"), "drone-to-satellite only"),
        (("--dataset", g, "--multi-query"), "--multi-query belongs to university1652, sues200, denseuav and folders"),
        (("--dataset", g, "--gallery", home / "g"), "--gallery belongs to world, not to gallery"),
        (("--dataset", "gallery:"), "Write gallery:PATH"),
        (("--dataset", f"gallery:{photos}"), "no gallery"),
        (("--dataset", g, "--photos", tmp_path / "none"), "There is no folder none. Check its path"),
        (("--dataset", g, "--photos", tmp_path / "empty"), "None of the 0 photos in empty has a known position"),
        (("--dataset", f"world:{photos}"), "photos has no truth.csv"),
        (("--dataset", "world:nowhere"), "There is no folder nowhere. Check"),
        (("--dataset", g, "--out", tmp_path / "r.csv"), "r.csv must end in .parquet"),
        (("--dataset", g, "--positions", tmp_path / "none.csv"), "There is no file none.csv"),
    ):
        assert sentence in refusal(capsys, "--model", home / "tiny", *arguments), sentence


def test_poses_are_disturbed_as_asked():
    photo = load_photo(np.zeros((40, 40, 3), np.uint8))
    random = np.random.default_rng(1)
    assert disturbed(photo, (5, 5, 5), random).pose is None
    stated = replace(photo, pose=StatedPose(359.0, -60.0, 100.0, 24.0))
    assert disturbed(stated, (0, 0, 0), random).pose == stated.pose
    drawn = [disturbed(stated, (4.0, 2.0, 10.0), random).pose for _ in range(2000)]
    turns = [(one.heading_deg - 359 + 180) % 360 - 180 for one in drawn]
    assert np.std(turns) == pytest.approx(4, rel=0.1) and all(0 <= one.heading_deg < 360 for one in drawn)
    assert np.std([one.pitch_deg for one in drawn]) == pytest.approx(2, rel=0.1)
    assert np.std([one.height_m for one in drawn]) == pytest.approx(10, rel=0.1)
    assert {one.focal_35mm for one in drawn} == {24.0}
