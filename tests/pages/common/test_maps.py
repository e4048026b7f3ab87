"""Maps: nothing from another host, hostile names stay text, thousands of footprints are light."""

import base64
import io
import re

import folium
import numpy as np
import pytest
import xstatic.pkg.leaflet
from PIL import Image
from shapely.geometry import box

from pages.common import maps
from tests.helpers.bad_files import gps_exif
from tests.helpers.hostile import HOSTILE, outside_addresses


def spots(count: int = 5, name: str = "tile") -> list[maps.Spot]:
    picture = maps.picture_uri(Image.new("RGB", (64, 64), "green"))
    return [
        maps.Spot(
            number,
            0.01 * number,
            0.02,
            box(0.01 * number - 0.001, 0.019, 0.01 * number + 0.001, 0.021),
            (("Tile", name),),
            picture,
        )
        for number in range(1, count + 1)
    ]


def test_a_map_names_no_other_host():
    pin = maps.Pin(0.03, 0.03, (("", "here"),), (0.01, 0.02), "37 m", camera=maps.Camera(0.031, 0.03, 90.0))
    ring = maps.Ring(0.01, 0.02, 500, "searched")
    ground = maps.GroundImage(maps.data_uri(b"x", "webp"), (0, 0, 0.1, 0.1))
    page = maps.draw_map(spots=spots(), pins=[pin], rings=[ring], backdrop=maps.Backdrop(ground, np.zeros((3, 4))))
    assert outside_addresses(page) == set()
    assert not re.search(r"url\((?!['\"]?(data:|#))", page), "a style asks for a file"
    assert "openstreetmap" not in page


def test_leaflet_is_the_version_that_folium_asks_for():
    asked = {address for name, address in folium.Map.default_js if name == "leaflet"}
    assert asked == {f"https://cdn.jsdelivr.net/npm/leaflet@{xstatic.pkg.leaflet.VERSION}/dist/leaflet.js"}


def test_folium_itself_is_left_as_it_was():
    before = list(folium.Map.default_js)
    maps.draw_map(spots=spots())
    assert folium.Map.default_js == before and before


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_neither_markup_nor_code(name):
    plain, hostile = maps.draw_map(spots=spots()), maps.draw_map(spots=spots(name=name))
    for sign in ("<img", "<script", "</script"):
        assert hostile.count(sign) == plain.count(sign)
    inside = re.findall(r'"Tile", "([^"]*)"', hostile)
    assert len(inside) == 5 and not any("<" in text or "'" in text for text in inside)


def test_ten_thousand_footprints_are_light():
    corner = np.random.default_rng(0).random((10_000, 2))
    page = maps.draw_map(backdrop=maps.Backdrop(footprints=np.hstack([corner, corner + 0.001])))
    assert len(page) < 1_000_000


def test_the_best_spot_is_drawn_last_so_that_it_lies_on_top():
    page = maps.draw_map(spots=spots())
    assert page.rindex('class=\\"rank best\\"' if 'class=\\"rank best\\"' in page else "rank best") > page.index("rank")
    order = [int(number) for number in re.findall(r"Match (\d)", page)]
    assert order[-1] == 1 and order[0] == 5


def test_where_markers_meet_the_better_one_lies_on_top():
    """Leaflet stacks markers by latitude, whatever the order in which they are drawn."""
    pairs = re.findall(r'"title": "Match (\d)".*?"zIndexOffset": (-?\d+)', maps.draw_map(spots=spots()), re.DOTALL)
    above = sorted((int(offset), -int(number)) for number, offset in pairs)
    assert len(pairs) == 5 and [-number for _, number in above] == [5, 4, 3, 2, 1]


def test_each_spot_has_a_picture_an_outline_and_a_marker():
    page = maps.draw_map(spots=spots(3))
    assert page.count("L.imageOverlay(") == 3
    assert page.count("L.polygon(") == 3
    assert page.count("L.divIcon(") == 3


def test_a_basemap_is_asked_for_only_when_wanted():
    assert maps.BASEMAP_URL not in maps.draw_map(spots=spots())
    assert maps.BASEMAP_URL in maps.draw_map(spots=spots(), backdrop=maps.Backdrop(basemap=True))


def test_the_frame_may_run_scripts_and_nothing_else():
    frame = maps.iframe(maps.draw_map(spots=spots()))
    assert 'sandbox="allow-scripts"' in frame
    assert frame.count("<") == 4, "the page inside is escaped"
    assert 'sandbox="allow-scripts allow-same-origin"' in maps.iframe("", basemap=True)


def test_a_picture_is_small_and_carries_no_position(tmp_path):
    file = tmp_path / "photo.jpg"
    Image.new("RGB", (1000, 500), "red").save(file, exif=gps_exif(8.0, 47.0))
    with Image.open(file) as image:
        uri = maps.picture_uri(image, max_px=200)
    kind, data = uri.split(",", 1)
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/jpeg;base64"
    assert picture.size == (200, 100)
    assert not picture.getexif()


def test_an_empty_map_shows_the_whole_world():
    assert "bridge(" in maps.draw_map()


def test_a_map_may_show_a_part_first():
    page = maps.draw_map(frame=(1, 2, 3, 4), focus=(1.5, 2.5, 1.6, 2.6))
    everything, first = page.index("[[2, 1], [4, 3]]"), page.index("[[2.5, 1.5], [2.6, 1.6]]")
    assert 0 < everything < first


def test_another_map_is_another_element_so_that_back_leaves_the_answer():
    one, other = (re.match(r"<([\w-]+) ", maps.iframe(page))[1] for page in ("<p>a</p>", "<p>b</p>"))
    assert one != other and maps.iframe("<p>a</p>").endswith(f"</{one}>")
