"""The app: options, what it says when something is missing, and a real start in its own process."""

import os
import socket
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

import app
from gallery.build.options import BuildOptions
from mean_model import MeanModelError, load_model
from pages.errors import NotReady
from tests.helpers import ROOT
from tests.helpers.app_process import started
from tests.helpers.small_world import catalog_of, imagery, service_of, write_photo, write_raster
from tests.helpers.tiny_model import save_tiny


def test_options_come_from_the_line_then_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MEAN_MODEL", "someone/weights")
    monkeypatch.setenv("MEAN_GALLERY", str(tmp_path))
    assert app.options_of([]) == app.Options(tmp_path, "someone/weights")
    line = "--gallery mine --model w.pth --matcher xfeat:x.pt --trust 0.99 --host 0.0.0.0 --port 8000"
    given = app.options_of(line.split())
    assert given == app.Options(Path("mine"), "w.pth", "xfeat:x.pt", 0.99, host="0.0.0.0", port=8000)
    monkeypatch.delenv("MEAN_MODEL")
    monkeypatch.delenv("MEAN_GALLERY")
    assert app.options_of([]).gallery == app.SAMPLE and app.options_of([]).model is None


@pytest.mark.parametrize("line", [["--port", "many"], ["--report", "nowhere.parquet"], ["--colour", "red"]])
def test_a_mistake_on_the_line_is_one_sentence(line, refused):
    told = refused(app.options_of, *line)
    assert told.count("\n") == 1 and told.startswith("app.py: ")


def test_a_port_that_is_taken_is_one_sentence_with_the_next_free_one(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as left:
            app.main(["--port", str(port)])
        told = capsys.readouterr().err
        free = int(told.strip().rpartition(" ")[2])
        assert left.value.code == 2 and told.count("\n") == 1 and told.startswith(f"app.py: port {port} is taken")
        assert free > port and app.port_fault(free) is None
    assert app.port_fault(None) is None and "no port" in str(app.port_fault(70_000))


def test_a_port_of_the_environment_is_looked_at_too(monkeypatch, refused):
    monkeypatch.setenv("GRADIO_SERVER_PORT", "many")
    assert "many" in refused(app.options_of)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(taken.getsockname()[1]))
        assert "is taken" in refused(app.main, "--trust", "0.9")


def test_a_missing_sample_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(app, "SAMPLE", tmp_path / "sample")
    with pytest.raises(NotReady, match=r"python -m gallery build"):
        app.loader(app.Options(tmp_path / "sample"))(tmp_path / "sample")


def test_an_unknown_matcher_is_said_when_the_app_loads():
    with pytest.raises(MeanModelError, match="xfeat:FILE"):
        app.matcher_of("lightglue:weights.pth")


def test_examples_are_the_photos_beside_the_gallery(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("b.jpg", "a.JPG", "notes.txt"):
        (tmp_path / "photos" / name).touch()
    assert [path.name for path in app.photos_beside(tmp_path)] == ["a.JPG", "b.jpg"]
    assert app.photos_beside(tmp_path / "nowhere") == []


@pytest.mark.slow
def test_another_page_is_one_line(tmp_path):
    import gradio as gr

    pages = app.build(catalog_of(service_of(tmp_path)), [app.Page("Inspect", "/inspect", lambda: gr.Markdown("Later"))])
    assert ("inspect", "Inspect") in [(path, name) for path, name, *_ in pages.pages]
    bars = [block for block in pages.blocks.values() if isinstance(block, gr.Navbar)]
    assert len(bars) == 2 and all(bar.visible for bar in bars)


@pytest.mark.slow
@pytest.mark.process
def test_it_starts_serves_and_answers(tmp_path):
    from gallery import build_gallery

    pixels = imagery(300)
    model = load_model(save_tiny(tmp_path / "model", 64))
    raster = write_raster(tmp_path / "imagery.tif", pixels)
    build_gallery([raster], tmp_path / "gallery", model, options=BuildOptions(model_source=str(tmp_path / "model")))
    photo = write_photo(tmp_path / "gallery" / "photos" / "one.jpg", pixels, 100, 100)
    with started(ROOT, "--gallery", str(tmp_path / "gallery"), environment=os.environ) as process:  # its own model
        answer = Client(process.address, verbose=False).predict(
            photo=handle_file(photo), k=2, lon=None, lat=None, radius_km=None, api_name="/localize"
        )
    assert [match["rank"] for match in answer["matches"]] == [1, 2]
    assert "Traceback" not in process.log
    assert str(answer["exif"]["lon"])[:6] not in process.log, "positions are not logged"


def test_galleries_are_given_again_or_by_their_folder(tmp_path, refused, monkeypatch):
    monkeypatch.delenv("MEAN_GALLERY", raising=False)
    assert app.options_of(["--gallery", "a", "--gallery", "b"]).galleries == (Path("a"), Path("b"))
    for name in ("two", "one", "no_gallery"):
        (tmp_path / name).mkdir()
    for name in ("two", "one"):
        (tmp_path / name / "gallery.json").touch()
    found = app.options_of(["--galleries", str(tmp_path)]).galleries
    assert found == (tmp_path / "one", tmp_path / "two")
    assert "there is no gallery in one" in refused(app.options_of, "--galleries", tmp_path / "one")


def test_a_model_is_loaded_once_for_all_galleries_that_it_built(tmp_path, monkeypatch):
    from gallery import build_gallery

    raster = write_raster(tmp_path / "imagery.tif", imagery(200))
    model = load_model(save_tiny(tmp_path / "model", 64))
    folders = [tmp_path / name / "gallery" for name in ("a", "b")]
    for folder in folders:
        build_gallery([raster], folder, model, options=BuildOptions(model_source=str(tmp_path / "model")))
    load = app.loader(app.options_of([]))
    first, second = map(load, folders)
    assert first.embedder is second.embedder and first.gallery.folder != second.gallery.folder
    catalog = app.catalog_of(app.Options(folders[0], others=(folders[1],)), load)
    assert [entry.key for entry in catalog.public] == ["gallery", "gallery-2"]
    assert not catalog.named("gallery-2").service.engine.ready, "loaded when it is chosen"
