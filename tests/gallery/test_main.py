"""The command line: exit codes, one line for a mistake, one JSON document, and help that costs nothing."""

import csv
import io
import json
import shlex
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pyogrio
import pytest
from PIL import Image

from gallery import Gallery
from gallery.__main__ import main, parser
from gallery.cli.options import joined
from tests.helpers import ROOT
from tests.helpers.builders import textured, write_raster
from tests.helpers.tiny_model import save_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A tiny network with seeded weights."""
    return str(save_tiny(tmp_path_factory.mktemp("model") / "tiny", 64))


@pytest.fixture(scope="module")
def region(tmp_path_factory, model) -> Path:
    """A folder with region.tif, three photos, a broken one, and the gallery g, built by the command line."""
    folder = tmp_path_factory.mktemp("region")
    write_raster(folder / "region.tif", "EPSG:4326", (-0.002, 0.002), 1e-5, textured(400, 500, 3))
    for number in range(3):
        Image.fromarray(np.moveaxis(textured(90, 120, number), 0, -1)).save(folder / f"{number}.jpg")
    (folder / "broken.jpg").write_text("no picture")
    line = ("build", folder / "region.tif", "--out", folder / "g", "--model", model, "--tile-size-m", 80)
    assert main([str(argument) for argument in line]) == 0
    return folder


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit status, stdout, stderr of a command in this process."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as leave:
        status = int(leave.code or 0)
    return status, *capsys.readouterr()


def test_a_gallery_of_another_method_is_searched_by_what_it_notes(region, tmp_path, capsys):
    import timm
    from safetensors.torch import save_file

    save_file(timm.create_model("test_convnext", num_classes=10).state_dict(), tmp_path / "plain.safetensors")
    model, out = f"timm:test_convnext={tmp_path / 'plain.safetensors'}", tmp_path / "gallery"
    assert run(capsys, "build", region / "region.tif", "--out", out, "--model", model, "--tile-size-m", 200)[0] == 0
    assert Gallery.open(out).manifest["model"]["source"] == "timm:test_convnext=../plain.safetensors"
    assert run(capsys, "search", out, region / "0.jpg", "--rotations", 1)[0] == 0
    unnamed = tmp_path / "plain.safetensors"
    status, _, stderr = run(capsys, "build", region / "region.tif", "--out", out, "--model", unnamed)
    assert status == 2 and stderr.count("\n") == 1 and "of none of MEAN, " in stderr


def test_build_tells_progress_and_result(region, model, capsys):
    out = region / "again"
    status, stdout, stderr = run(
        capsys, "build", region / "region.tif", "--out", out, "--model", model, "--tile-size-m", 80, "--json"
    )
    assert status == 0 and json.loads(stdout)["tiles"] == len(Gallery.open(out))
    assert "tiles" in stderr and "/s" in stderr  # count and rate
    assert Gallery.open(out).manifest["model"]["source"].startswith("..")


def test_several_scales_by_one_command(region, model, capsys, tmp_path):
    build = ("build", region / "region.tif", "--out", tmp_path / "g", "--model", model, "--tile-size-m")
    assert run(capsys, *build, "150,300", "--index", "exact", "--keep-featureless")[0] == 0
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.manifest["build"]["tile_size_m"] == [150, 300] and set(gallery.scales_m) == {150, 300}
    assert gallery.manifest["index"] == {"kind": "exact"}
    status, _, stderr = run(capsys, *build, "150,wide")
    assert status == 2 and "'150,wide' is not M,M" in stderr


def test_areas_are_added_and_removed(region, model, capsys, tmp_path):
    write_raster(tmp_path / "east.tif", "EPSG:4326", (0.01, 0.002), 1e-5, textured(300, 300, 9))
    build = ("build", region / "region.tif", "--out", tmp_path / "g", "--model", model, "--tile-size-m", 150)
    assert run(capsys, *build)[0] == 0
    before = len(Gallery.open(tmp_path / "g"))
    add = ("build", tmp_path / "east.tif", "--out", tmp_path / "g", "--add", "--tile-size-m", 150)
    assert run(capsys, *add)[0] == 0 and len(Gallery.open(tmp_path / "g")) > before  # by the gallery's own model
    status, stdout, _ = run(capsys, "remove", tmp_path / "g", "--bbox", "-0.1,-0.1,0.005,0.1", "--json")
    assert status == 0 and json.loads(stdout)["build"]["areas"][-1]["tiles"] == before
    status, _, stderr = run(capsys, "remove", tmp_path / "g", "--source", "region.tif")
    assert status == 2 and "has no source region.tif. It has east.tif" in stderr
    status, _, stderr = run(capsys, "build", tmp_path / "east.tif", "--out", tmp_path / "none", "--add")
    assert status == 2 and "is no gallery" in stderr


def test_a_dry_run_says_what_a_build_makes(region, model, capsys, tmp_path):
    build = ("build", region / "region.tif", "--out", tmp_path / "g", "--model", model, "--tile-size-m", 80)
    status, stdout, _ = run(capsys, *build, "--dry-run", "--plan", tmp_path / "plan.png", "--json")
    assert status == 0 and json.loads(stdout)["tiles"] == len(Gallery.open(region / "g"))
    assert [file.name for file in tmp_path.iterdir()] == ["plan.png"]
    status, stdout, _ = run(capsys, *build, "--dry-run")
    assert status == 0 and "tiles of 80 m" in stdout and "km²" in stdout and "measured" in stdout
    status, _, stderr = run(capsys, *build, "--plan", tmp_path / "plan.png")
    assert status == 2 and "--dry-run" in stderr
    server = (
        "https://tiles.example.org/{z}/{x}/{y}.png",
        "--bounds",
        "8,47,8.1,47.1",
        "--zoom",
        17,
        "--licence",
        "CC0",
    )
    status, _, stderr = run(capsys, "build", *server, "--out", tmp_path / "g", "--model", model, "--dry-run")
    assert status == 2 and "map tiles of zoom 17" in stderr and "minutes at 4 a second" in stderr


def test_search_answers_as_the_contract_says(region, capsys):
    status, stdout, _ = run(
        capsys, "search", region / "g", region / "0.jpg", region / "broken.jpg", region / "1.jpg", "--json", "-k", 3
    )
    first, broken, last = json.loads(stdout)
    assert status == 0
    assert set(first) == {"photo", "matches", "position", "verdict", "confidence", "exif", "geometry", "pose"}
    assert first["photo"] == "0.jpg" and [match["rank"] for match in first["matches"]] == [1, 2, 3]
    assert set(first["matches"][0]) == {"rank", "tile_id", "score", "lon", "lat", "bounds"}
    assert first["confidence"] is None and first["exif"] is None and first["verdict"] in ("located", "unsure")
    assert set(broken) == {"photo", "error"} and broken["photo"] == "broken.jpg" and "/" not in broken["error"]
    assert last["photo"] == "1.jpg"


def test_search_for_reading(region, capsys):
    status, stdout, _ = run(
        capsys, "search", region / "g", region / "0.jpg", region / "broken.jpg", "--verify", "--rotations", 4
    )
    assert status == 0 and "0.jpg: unsure" in stdout and "broken.jpg:" in stdout


def test_a_heading_is_used_unless_it_shall_not(region, capsys, tmp_path):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (0.0, 3.0, 0.0), 3: "E", 4: (0.0, 4.0, 0.0), 16: "T", 17: 137.0}
    Image.open(region / "0.jpg").save(tmp_path / "h.jpg", exif=exif)
    status, stdout, _ = run(capsys, "search", region / "g", tmp_path / "h.jpg")
    assert status == 0 and "turned by 137 degrees so that north is up" in stdout
    assert "By its EXIF, the photo is" in stdout and "camera's own position" in stdout
    for options, words in (([], "four quarter turns"), (["--rotations", 1], "searched as it is")):
        status, stdout, _ = run(capsys, "search", region / "g", tmp_path / "h.jpg", "--no-north-up", *options)
        assert status == 0 and words in stdout and "north is up" not in stdout


def test_a_file_of_poses_goes_before_what_photos_state(region, capsys, tmp_path):
    (tmp_path / "poses.csv").write_text("file,yaw,lat,lon\n0.jpg,137,0.001,0.002\n")
    given = [region / "g", region / "0.jpg", region / "1.jpg", "--rotations", 1, "--no-verify", "--poses"]
    status, stdout, _ = run(capsys, "search", *given, tmp_path / "poses.csv")
    assert status == 0 and "turned by 137 degrees so that north is up" in stdout
    assert "poses.csv states its heading." in stdout and "poses.csv does not tell this photo" in stdout
    assert "By its EXIF, the photo is" in stdout, "the position too"
    status, _, stderr = run(capsys, "search", *given, tmp_path / "none.srt")
    assert status == 2 and "no file none.srt" in stderr
    status, stdout, _ = run(capsys, "track", *given, tmp_path / "poses.csv", "--every", 4, "--json")
    assert status == 0 and "poses.csv states poses for 1 of 2 photos." in json.loads(stdout)["notes"]


def test_one_bad_photo_among_good_ones_for_a_real_embedder(region, model):
    from gallery import Localizer
    from gallery.search.answer import Answer, PhotoProblem
    from mean_model import load_model

    with load_model(model) as embedder:
        localizer = Localizer(Gallery.open(region / "g"), embedder)
        tiny = Image.new("RGB", (4, 4))
        photos = [region / "0.jpg", region / "broken.jpg", tiny, region / "absent.jpg", region / "1.jpg"]
        results = localizer.localize_many(photos)
    assert [type(result) for result in results] == [Answer, PhotoProblem, PhotoProblem, PhotoProblem, Answer]
    assert results[1].error.startswith("broken.jpg is text and not a picture")


@pytest.mark.parametrize("form", ["geojson", "csv", "kml"])
def test_formats_for_gis(region, capsys, form):
    status, stdout, _ = run(capsys, "search", region / "g", region / "0.jpg", "--format", form, "-k", 2)
    assert status == 0
    if form == "geojson":
        assert len(json.loads(stdout)["features"]) >= 2
    elif form == "csv":
        assert [row["rank"] for row in csv.DictReader(io.StringIO(stdout))][:2] == ["1", "2"]
    else:
        assert stdout.startswith("<?xml")


@pytest.mark.parametrize(
    "prior",
    [["--near", "-0.001,0.001,0.05"], ["--near=-0.001,0.001,0.05"], ["--bbox", "-0.0012,0.0008,-0.0008,0.0012"]],
)
def test_priors_with_negative_numbers(region, capsys, prior):
    status, stdout, _ = run(capsys, "search", region / "g", region / "0.jpg", *prior, "-k", 100, "--json")
    found = json.loads(stdout)[0]["matches"]
    assert status == 0 and 1 <= len(found) < len(Gallery.open(region / "g"))


def test_a_prior_from_a_file(region, capsys):
    ring = [[-0.0012, 0.0008], [-0.0008, 0.0008], [-0.0008, 0.0012], [-0.0012, 0.0008]]
    (region / "area.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    given = ["search", region / "g", region / "0.jpg", "-k", 100, "--json", "--area"]
    status, stdout, _ = run(capsys, *given, region / "area.geojson")
    found = json.loads(stdout)[0]["matches"]
    assert status == 0 and 1 <= len(found) < len(Gallery.open(region / "g"))
    assert "0.jpg is no area" in run(capsys, *given, region / "0.jpg")[2]


def test_joining_leaves_everything_else():
    given = ["search", "-k", "3", "--near", "-1,2,3", "--bbox", "1,2,3,4", "--near", "--json", "a", "--near"]
    assert joined(given) == [
        "search",
        "-k",
        "3",
        "--near=-1,2,3",
        "--bbox",
        "1,2,3,4",
        "--near",
        "--json",
        "a",
        "--near",
    ]


MISTAKES = {
    "no such gallery": (["search", "{}/absent", "{}/0.jpg"], "is no gallery"),
    "no readable photo": (["search", "{}/g", "{}/broken.jpg"], "broken.jpg"),
    "bad index": (["build", "{}", "--out", "{}/x", "--index", "quick"], "'quick' is none of auto, exact"),
    "bad radius": (["search", "{}/g", "{}/0.jpg", "--near", "1,2,-3"], "radius"),
    "bad place": (["search", "{}/g", "{}/0.jpg", "--near", "1,99,3"], "Latitude 99"),
    "latitude first": (
        ["search", "{}/g", "{}/0.jpg", "--near", "0,0.0025,0.01"],
        "Longitude comes first: try 0.0025,0,0.01",
    ),
    "latitude first in a box": (
        ["search", "{}/g", "{}/0.jpg", "--bbox", "-0.001,0.0022,0.001,0.0028"],
        "try 0.0022,-0.001,0.0028,0.001",
    ),
    "latitude of no place": (
        ["search", "{}/g", "{}/0.jpg", "--near", "1,99,3"],
        "Longitude comes first: try 99,1,3",
    ),
    "far away": (["track", "{}/g", "{}/0.jpg", "--near", "10,50,3"], "the nearest is 5,"),
    "too large tiles": (
        ["build", "{}/region.tif", "--out", "{}/x", "--tile-size-m", "5000", "--model", "MODEL"],
        "Tiles of 5000 m are too large: region.tif shows 557 x 442 m",
    ),
    "sizes with a space": (
        ["build", "{}/region.tif", "--out", "{}/x", "--tile-size-m", "80", "160"],
        "Several sizes have commas between them: --tile-size-m 80,160",
    ),
    "sizes with a space, first": (
        ["build", "--out", "{}/x", "--tile-size-m", "80", "160", "{}/region.tif"],
        "Several sizes have commas between them: --tile-size-m 80,160",
    ),
    "a folder without photos": (["search", "{}/g", "{}/g"], "There is no photo in g"),
    "no ending": (["search", "{}/g", "{}/0.jpg", "--out", "{}/answers"], "ends in none of .geojson, .csv"),
    "bad numbers": (["search", "{}/g", "{}/0.jpg", "--bbox", "1,2,3"], "W,S,E,N"),
    "two priors": (["search", "{}/g", "{}/0.jpg", "--bbox", "1,2,3,4", "--near", "1,2,3"], "not allowed with"),
    "k of nothing": (["search", "{}/g", "{}/0.jpg", "-k", "0"], "at least 1"),
    "three turns": (["search", "{}/g", "{}/0.jpg", "--rotations", "3"], "invalid choice"),
    "no photo": (["search", "{}/g"], "required: PHOTO"),
    "no such model": (["search", "{}/g", "{}/0.jpg", "--model", "{}/nothing.safetensors"], "nothing.safetensors"),
    "no such matcher": (["search", "{}/g", "{}/0.jpg", "--matcher", "orb"], "xfeat:FILE"),
    "no such raster": (["build", "{}/absent.tif", "--out", "{}/x", "--model", "MODEL"], "absent.tif"),
    "not a raster": (["build", "{}/broken.jpg", "--out", "{}/x", "--model", "MODEL"], "cannot be read as a raster"),
    "no positions": (["build", "{}", "--out", "{}/x", "--positions", "{}/p.csv", "--model", "MODEL"], "no file p.csv"),
    "bad overlap": (["build", "{}/region.tif", "--out", "{}/x", "--overlap", "2", "--model", "MODEL"], "overlap"),
    "no command": ([], "required: COMMAND"),
    "unknown command": (["find"], "invalid choice"),
    "info of nothing": (["info", "{}/absent"], "is no gallery"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(region, model, capsys, mistake):
    arguments, complaint = MISTAKES[mistake]
    status, _, stderr = run(capsys, *[part.replace("{}", str(region)).replace("MODEL", model) for part in arguments])
    assert status == 2 and complaint in stderr and stderr.count("\n") == 1, stderr


def test_another_model_is_refused_by_both_fingerprints(region, tmp_path, capsys):
    save_tiny(tmp_path / "other", 64, seed=1)
    status, _, stderr = run(capsys, "search", region / "g", region / "0.jpg", "--model", tmp_path / "other")
    assert status == 2 and Gallery.open(region / "g").fingerprint in stderr and "the model at hand is" in stderr
    status, stdout, _ = run(capsys, "check", region / "g", "--model", tmp_path / "other", "--json")
    assert status == 2 and json.loads(stdout)["problems"][0]["kind"] == "model"


def test_an_interrupted_command_says_how_to_go_on(region, model, capsys, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("gallery.build.pipeline.build_gallery", stop)
    status, _, stderr = run(capsys, "build", region / "region.tif", "--out", region / "x", "--model", model)
    assert status == 130 and "same command" in stderr


def test_info_and_check(region, capsys):
    status, stdout, _ = run(capsys, "info", region / "g", "--json")
    assert status == 0 and json.loads(stdout)["build"]["tile_size_m"] == 80
    assert run(capsys, "info", region / "g")[0] == 0
    status, stdout, stderr = run(capsys, "check", region / "g", "--json")
    assert (status, json.loads(stdout)["problems"], stderr) == (0, [], "")


def test_check_finds_damage(region, tmp_path, capsys):
    import shutil

    shutil.copytree(region / "g", tmp_path / "g")
    shutil.copy(region / "region.tif", tmp_path)
    with (tmp_path / "g" / "vectors.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    status, stdout, stderr = run(capsys, "check", tmp_path / "g")
    assert status == 2 and "vectors.npy" in stdout and "damaged" in stderr and stderr.count("\n") == 1


def test_every_command_and_option_has_help():
    commands = next(action for action in parser()._actions if hasattr(action, "choices") and action.choices)
    named = {"build", "ground", "remove", "repoint", "search", "track", "inspect", "photo", "info", "check"}
    assert set(commands.choices) == named
    for command in commands.choices.values():
        assert command.description and command.epilog.startswith("examples:\n")
        for example in command.epilog.splitlines()[1:]:
            given = joined(shlex.split(example.removeprefix("  python -m gallery ")))
            assert parser().parse_args(given).run, "what stands there can be copied"
        for action in command._actions:
            assert action.help or action.dest == "photos"


@pytest.mark.process
@pytest.mark.parametrize(
    "command", [[], ["build"], ["remove"], ["repoint"], ["search"], ["inspect"], ["photo"], ["info"], ["check"]]
)
def test_every_command_has_help(command):
    done = subprocess.run(
        [sys.executable, "-m", "gallery", *command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "usage: python -m gallery" in done.stdout and not done.stderr


HEAVY = {"torch", "gradio", "pandas", "geopandas", "faiss", "rasterio", "pyarrow", "cv2"}


LIGHT = [  # load no numpy either
    ["--help"],
    ["search", "--help"],
    ["build", "--help"],
    ["find"],
    ["build", "absent.tif", "--out", "x"],
    ["build", "LICENSE", "--out", "x", "--tile-size-m", "wide"],
    ["build", "LICENSE", "--out", "x", "--tile-size-m", "0"],
    ["build", "LICENSE", "--out", "x", "--overlap", "3"],
    ["build", "LICENSE", "--out", "x", "--positions", "README.md"],
    ["build", "LICENSE", "--out", "x", "--model", "absent"],
    ["build", "LICENSE", "--out", "absent", "--add"],
    ["photo", "absent.jpg"],
    ["track", "gallery/sample", "absent.mp4"],
]
NOT_HEAVY = [
    ["search", "absent", "LICENSE"],
    ["search", "gallery/sample", "absent.jpg"],
    ["search", "gallery/sample", "gallery/cli"],
    ["search", "gallery/sample", "LICENSE", "--out", "answers.txt"],
    ["search", "gallery/sample", "LICENSE", "-k", "0"],
    ["search", "gallery/sample", "LICENSE", "--model", "absent"],
    ["search", "gallery/sample", "LICENSE", "--matcher", "xfeat:absent"],
    ["track", "absent", "LICENSE"],
    ["track", "gallery/sample", "LICENSE", "--model", "absent"],
    ["info", "absent"],
    ["check", "absent"],
    ["check", "gallery/sample", "--model", "absent"],
    ["ground", "absent"],
    ["remove", "absent", "--source", "x"],
    ["inspect", "absent.parquet"],
    ["repoint", "gallery/sample", "absent.tif"],
]

LINES_IN_TURN = """
import json, sys
from gallery.__main__ import main
for line in json.loads(sys.argv[1]):
    try:
        status = main(line)
    except SystemExit as ended:
        status = ended.code
    print("LOADED", status, *sys.modules)
"""


@pytest.mark.process
def test_help_and_mistakes_load_nothing_heavy():
    """What takes seconds to import waits until it is needed: so they are told in about 0.2 s."""
    lines = [*LIGHT, *NOT_HEAVY]
    told = subprocess.run(
        [sys.executable, "-c", LINES_IN_TURN, json.dumps(lines)], cwd=ROOT, capture_output=True, text=True
    )
    ends = [line.split() for line in told.stdout.splitlines() if line.startswith("LOADED ")]
    assert len(ends) == len(lines), told.stderr
    for line, (_, status, *loaded) in zip(lines, ends, strict=True):
        assert status == ("0" if "--help" in line else "2"), line
        assert not (HEAVY | ({"numpy"} if line in LIGHT else set())) & set(loaded), line


def test_track_tells_where_a_flight_was(region, capsys, tmp_path):
    out = tmp_path / "way.gpx"
    photos = [region / f"{number}.jpg" for number in range(3)]
    options = ("--every", 4, "--rotations", 1, "--no-verify", "--out", out)
    status, stdout, stderr = run(capsys, "track", region / "g", *photos, region / "broken.jpg", *options, "--json")
    found = json.loads(stdout)
    assert status == 0 and len(found["fixes"]) == 3 and found["problems"][0]["photo"] == "broken.jpg"
    assert [fix["time_s"] for fix in found["fixes"]] == [0, 4, 8] and "4/4" in stderr and "photos/s" in stderr
    assert out.read_text().startswith("<?xml")
    status, stdout, _ = run(capsys, "track", region / "g", region, *options)
    assert status == 0 and " photos: " in stdout and "broken.jpg:" in stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--every", "0"], "positive number"),
        (["--max-speed", "-1"], "positive number"),
        (["--out", "way.txt"], "ends in none of .gpx"),
        (["--near", "1,2"], "LON,LAT,RADIUS_KM"),
    ],
)
def test_mistakes_of_track_are_one_line(region, capsys, options, words):
    status, _, stderr = run(capsys, "track", region / "g", region / "0.jpg", "--rotations", 1, *options)
    assert status == 2 and words in stderr.strip().splitlines()[-1]


def test_a_track_that_is_stopped_tells_of_the_photos_so_far(region, capsys, monkeypatch):
    from gallery.track import track

    def until_stopped(*arguments, **options):
        yield from islice(asked(*arguments, **options), 2)
        raise KeyboardInterrupt

    asked = track.sightings
    monkeypatch.setattr(track, "sightings", until_stopped)
    photos = [region / f"{number}.jpg" for number in range(3)]
    options = ("--every", 4, "--rotations", 1, "--no-verify")
    status, stdout, stderr = run(capsys, "track", region / "g", *photos, *options)
    assert status == 130 and "Stopped after 2 of 3 photos" in stderr and "2 photos:" in stdout


def test_folders_are_searched_and_answers_written_for_gis(region, capsys, tmp_path):
    for number in range(2):
        (tmp_path / "flight" / "below").mkdir(parents=True, exist_ok=True)
        (tmp_path / "flight" / "below" / f"{number}.jpg").write_bytes((region / f"{number}.jpg").read_bytes())
    (tmp_path / "flight" / "broken.jpg").write_text("no picture")
    given = ("search", region / "g", tmp_path / "flight", "--rotations", 1, "--no-verify", "-k", 2, "--out")
    status, stdout, stderr = run(capsys, *given, tmp_path / "answers.gpkg")
    assert status == 0 and stdout.count(".jpg: ") == 3 and "3/3" in stderr and "photos/s" in stderr
    layers = {name: pyogrio.read_dataframe(tmp_path / "answers.gpkg", layer=name) for name in ("match", "problem")}
    assert layers["match"]["rank"].tolist() == [1, 2, 1, 2] and layers["match"]["rank"].dtype.kind == "i"
    assert layers["problem"]["photo"].tolist() == ["broken.jpg"]
    for form in ("kml", "csv", "geojson"):
        assert run(capsys, *given, tmp_path / f"answers.{form}")[0] == 0
    ranks = [each["properties"]["rank"] for each in json.loads((tmp_path / "answers.geojson").read_text())["features"]]
    assert [rank for rank in ranks if rank is not None] == [1, 2, 1, 2]


def test_answers_are_told_one_after_the_other(region, capsys, monkeypatch):
    """Ctrl-C after the first photos keeps what they gave."""
    from gallery.search.localizer import Localizer

    def until_stopped(*arguments, **options):
        yield from islice(asked(*arguments, **options), 2)
        raise KeyboardInterrupt

    asked = Localizer.stream
    monkeypatch.setattr(Localizer, "stream", until_stopped)
    photos = [region / f"{number}.jpg" for number in range(3)]
    status, stdout, stderr = run(capsys, "search", region / "g", *photos, "--rotations", 1, "--no-verify", "--json")
    assert status == 130 and "Stopped after 2 of 3 photos" in stderr and len(json.loads(stdout)) == 2


def test_a_photo_of_elsewhere_is_told(region, capsys, tmp_path):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (47.0, 0.0, 0.0), 3: "E", 4: (8.0, 0.0, 0.0)}
    Image.open(region / "0.jpg").save(tmp_path / "far.jpg", exif=exif)
    status, stdout, _ = run(capsys, "search", region / "g", tmp_path / "far.jpg", "--rotations", 1, "--no-verify")
    assert status == 0 and "taken outside this gallery" in stdout


def test_a_build_says_what_it_assumed_and_what_comes_next(region, model, capsys, tmp_path):
    for number in range(2):
        (tmp_path / "tiles").mkdir(exist_ok=True)
        (tmp_path / "tiles" / f"{number}.jpg").write_bytes((region / f"{number}.jpg").read_bytes())
    (tmp_path / "places.csv").write_text("file,lon,lat\n0.jpg,8,47\n1.jpg,8.01,47\n")
    given = ("build", tmp_path / "tiles", "--positions", tmp_path / "places.csv", "--out", tmp_path / "g")
    status, stdout, _ = run(capsys, *given, "--model", model, "--tile-size-m", 120)
    assert status == 0 and "2 images state no extent: assumed square of 120 m, north up" in stdout
    assert f"python -m gallery search {tmp_path / 'g'} PHOTO" in stdout
    status, stdout, _ = run(capsys, "info", tmp_path / "g")
    assert (
        status == 0 and "tile size    120 m" in stdout and "2 assumed square of 120 m" in stdout and "{" not in stdout
    )


def test_ground_that_is_there_already_is_asked_about(region, model, capsys, tmp_path, monkeypatch):
    shutil.copytree(region / "g", tmp_path / "g")
    shutil.copy(region / "region.tif", tmp_path)
    shutil.copy(region / "region.tif", tmp_path / "newer.tif")
    add = ("build", tmp_path / "newer.tif", "--out", tmp_path / "g", "--add", "--model", model, "--tile-size-m", 80)
    count = len(Gallery.open(tmp_path / "g"))
    status, _, stderr = run(capsys, *add)
    assert status == 2 and "100 % of the ground of newer.tif is in the gallery already, cut from region.tif" in stderr
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(capsys, *add)[0] == 2 and len(Gallery.open(tmp_path / "g")) == count
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(capsys, *add)[0] == 0 and len(Gallery.open(tmp_path / "g")) == 2 * count
    monkeypatch.setattr("sys.stdin", Terminal(""))
    assert run(capsys, *add)[0] == 0, "its own raster is known, and nothing new in it"
    shutil.copy(region / "region.tif", tmp_path / "third.tif")
    status, _, _ = run(capsys, *[tmp_path / "third.tif" if part == tmp_path / "newer.tif" else part for part in add])
    assert status == 2
    line = [tmp_path / "third.tif" if part == tmp_path / "newer.tif" else part for part in add]
    assert run(capsys, *line, "--same-ground")[0] == 0 and len(Gallery.open(tmp_path / "g")) == 3 * count


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def test_a_raster_that_moved(region, model, capsys, tmp_path):
    shutil.copytree(region / "g", tmp_path / "g")
    (tmp_path / "maps").mkdir()
    moved = shutil.copy(region / "region.tif", tmp_path / "maps" / "west.tif")
    status, stdout, _ = run(capsys, "check", tmp_path / "g")
    assert status == 2 and f"python -m gallery repoint {tmp_path / 'g'} RASTER" in stdout, "its raster is gone"
    status, stdout, _ = run(capsys, "repoint", tmp_path / "g", moved)
    assert status == 0 and "are read from" in stdout
    assert run(capsys, "check", tmp_path / "g")[0] == 0
    gallery = Gallery.open(tmp_path / "g")
    assert gallery.sources == ["../maps/west.tif"] == gallery.manifest["build"]["sources"]
    assert np.array_equal(gallery.vectors, Gallery.open(region / "g").vectors)


def test_a_packed_gallery_travels(region, model, capsys, tmp_path):
    raster = shutil.copy(region / "region.tif", tmp_path)
    line = ("build", raster, "--out", tmp_path / "g", "--model", model, "--tile-size-m", 150, "--pack")
    assert run(capsys, *line)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "g").rename(tmp_path / "elsewhere" / "h")
    Path(raster).unlink()
    assert run(capsys, "check", tmp_path / "elsewhere" / "h")[0] == 0
    gallery = Gallery.open(tmp_path / "elsewhere" / "h")
    assert gallery.sources == ["imagery/region.tif"] and gallery.image(gallery.tile(0)).size[0] > 10
