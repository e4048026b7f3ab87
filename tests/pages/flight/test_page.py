"""What the flight page shows of a track: the service, card, player, chart and map, without a browser."""

import json
import re

import gradio as gr
import pytest
from PIL import Image

from gallery import Gallery
from gallery.errors import TrackError
from pages.common import charts
from pages.errors import BadQuestion
from pages.flight import render
from pages.flight.components import make_settings
from pages.services.flight import FlightQuestion, FlightService
from tests.helpers.small_world import service_of, write_flight

QUESTION = FlightQuestion(every_s=4.0, turn="none", verify=False)


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight")
    return FlightService(service_of(folder), write_flight(folder / "way", blank=(6,)))


@pytest.fixture(scope="module")
def shown(flights):
    return flights.ask_example(QUESTION)


def test_the_track_of_a_flight_with_all_that_is_drawn(flights, shown):
    told = []
    again = flights.ask(flights.example, QUESTION, lambda done, count: told.append((done, count)))
    assert told[0] == (0, 10) and told[-1] == (10, 10)
    assert [fix.position for fix in again.track.fixes] == [fix.position for fix in shown.track.fixes]
    assert shown.track.fixes[6].state != "found" and shown.track.count("found") >= 8
    assert len(shown.pictures) == 10 and all(photo.startswith("data:image/jpeg") for photo, _ in shown.pictures)
    assert set(shown.files) == {"gpx", "kml", "geojson"} and shown.unasked == 0
    assert flights.ask_example(QUESTION) is shown, "the example is asked once"


def test_a_video_is_a_flight_too(flights, tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "way.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 640, "yuv420p", 20_000_000
        for path in flights.example[:5]:
            for packet in stream.encode(av.VideoFrame.from_image(Image.open(path))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    video = [tmp_path / "way.mp4"]
    shown = flights.ask(video, FlightQuestion(every_s=1.0, max_speed_m_s=60.0, turn="none", verify=False))
    assert [fix.photo for fix in shown.track.fixes] == [f"way.mp4 at 0:{second:02d}.0" for second in range(5)]
    assert [fix.time_s for fix in shown.track.fixes] == [0, 1, 2, 3, 4] and shown.track.count("found") == 5


def test_a_file_of_poses_beside_the_photos(flights, tmp_path):
    (tmp_path / "poses.csv").write_text(f"file,yaw\n{flights.example[0].name},0\n")
    shown = flights.ask([*flights.example[:2], tmp_path / "poses.csv"], QUESTION)
    assert len(shown.track.fixes) == 2 and "poses.csv states poses for 1 of 2 photos." in render.card(shown)


def test_the_gallery_can_be_gone_for_the_pictures(flights, monkeypatch):
    from gallery.errors import SourceError

    def gone(*arguments, **options):
        raise SourceError("The raster is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(Gallery, "image", gone)
        shown = flights.ask(flights.example[:3], QUESTION)
    assert [tile for _, tile in shown.pictures] == [None] * 3
    assert render.player(shown).count("no tile") == 3


def test_stopping_leaves_the_track_so_far(flights):
    asked = []
    shown = flights.ask(flights.example, QUESTION, lambda done, _: asked.append(done), lambda: len(asked) > 3)
    assert len(shown.track.fixes) == 3 and shown.unasked == 7
    assert "Stopped: 7 photos more" in render.card(shown)


def test_what_makes_no_flight_gets_a_sentence(flights, tmp_path):
    (tmp_path / "a.txt").write_text("no photo")
    (tmp_path / "a.mp4").write_text("no video")
    for paths, problem in (
        ([], BadQuestion),
        ([tmp_path / "a.txt"] * 201, BadQuestion),
        ([tmp_path / "a.txt"], TrackError),
        ([tmp_path / "a.mp4"], TrackError),
    ):
        with pytest.raises(problem):
            flights.ask(paths, QUESTION)
    with pytest.raises(TrackError, match="positive number"):
        flights.ask(flights.example, FlightQuestion(max_speed_m_s=0.0))


def test_names_from_files_are_only_text(shown):
    for piece in (render.player(shown), render.chart(shown.track), render.card(shown)):
        assert "<img src=x" not in piece
    assert "&lt;img src=x onerror=hit()&gt;.jpg" in render.player(shown)
    assert "hit()" not in shown.map_page, "the map needs no names"


def test_the_player_has_one_picture_in_sight_and_the_chart_a_mark_for_each(shown):
    player, chart = render.player(shown), render.chart(shown.track)
    assert player.count('class="shot') == 10 and len(re.findall(r'class="shot [^>]* hidden', player)) == 9
    known = sum(fix.error_m is not None for fix in shown.track.fixes)
    assert chart.count("data-number=") == known and chart.count('rect class="wrong"') == shown.track.count("lost")


def test_the_legend_tells_what_is_there(shown):
    legend = render.legend(shown.track)
    assert "track" in legend and "EXIF" in legend


def test_the_map_asks_no_host_and_knows_each_photo(shown):
    assert set(re.findall(r'(?:src|href)="(https?://[^"/]*)', shown.map_page)) <= {"https://leafletjs.com"}
    fixes = json.loads(re.search(r"flightTrack\(\w+, (\[.*?\]), \[\[", shown.map_page, re.S)[1])
    assert len(fixes) == 10 and set(fixes[0]) == {"state", "at", "radius", "stated"}
    lat, lon = fixes[0]["at"]
    assert 0 < lat < 0.012 and 0.01 < lon < 0.02, "latitude first, for Leaflet"


def test_settings_become_a_question():
    with gr.Blocks():
        settings = make_settings()

    def question(*values):
        return settings.question(dict(zip(vars(settings).values(), values, strict=True)))

    assert question(None, 20, "heading", True, False, False) == FlightQuestion()
    assert question(0, 15, "none", False, True, True) == FlightQuestion(None, 15, "none", False, True, True)


def test_a_timeline_of_one_or_of_nothing_known():
    one = charts.timeline([charts.Moment(1, 0.0, 3.0, "a")], [("metres", "one")], "t")
    none = charts.timeline([charts.Moment(1, 0.0, None, "<b>"), charts.Moment(2, 4.0, None, "b")], [], "t")
    assert charts.timeline([], [], "t").startswith("<svg")
    assert 'data-number="1"' in one and "data-number" not in none and "<b>" not in none
