"""The page of galleries without a browser: facts, health and marks, tiles, the map; hostile names stay text."""

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from gallery.geo import LonLat, rectangle
from gallery.store.health import Gap, Health, LookAlike
from pages.common import gallery_map
from pages.errors import BadQuestion
from pages.galleries import render
from pages.services.catalog import GalleryCatalog
from pages.services.galleries import Facts, GalleriesService, marks_of
from tests.helpers.hostile import HOSTILE, outside_addresses
from tests.helpers.small_world import WEST_DEG, catalog_of, service_of


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galleries")
    return folder / "gallery", service_of(folder)


@pytest.fixture
def service(world):
    folder, service = world
    [entry] = catalog_of(service).public
    return GalleriesService(
        GalleryCatalog([replace(entry, folder=folder), replace(entry, key="gone", folder=folder / "gone")])
    )


def test_a_line_for_each_gallery_also_for_one_that_is_gone(service):
    here, gone = service.facts([])
    assert (here.tiles, here.sides_m, here.model, here.licence) == (121, (100.0,), "colours", "")
    assert here.area_m2 == pytest.approx(600**2, rel=0.02)
    assert here.metres_per_px == pytest.approx((1.0, 1.0), rel=0.02)
    assert "is no gallery" in gone.problem
    told = render.gallery_list([here, gone], here.key)
    assert "0.36 km²" in told and "100 m" in told and "not stated" in told and told.count("chosen") == 1


def test_several_scales_and_licences_are_told(service, monkeypatch):
    entry = service.catalog.first
    gallery = service._of(entry).gallery
    build = {"tile_size_m": [80.0, 160.0], "licence": ["CC-BY 4.0", None, "CC-BY 4.0", "ODbL"]}
    monkeypatch.setattr(gallery, "manifest", {**gallery.manifest, "build": build})
    facts = service.facts([])[0]
    assert facts.sides_m == (80.0, 160.0) and facts.licence == "CC-BY 4.0, ODbL"
    assert "80, 160 m" in render.gallery_list([facts], "")


def test_health_is_worked_out_once_and_told(service):
    health = service.health("gallery")
    assert service.health("gallery") is health
    card = render.health_card(health)
    assert "No gaps in the area." in card
    marks = json.loads(html.unescape(re.search('data-marks="([^"]*)"', card)[1]))
    assert marks == json.loads(marks_of(health))


def test_marks_are_bounded_and_rings_stand_latitude_first(monkeypatch):
    gap = Gap(rectangle(LonLat(8, 47), 100, 100), 10_000)
    pairs = tuple(LookAlike(row, row + 50, 0.99) for row in range(30))
    health = Health(99, 1.0, 1, ((1, 2), (3, 4, 5)), pairs, 99, (7,), 99, (gap,) * 9)
    monkeypatch.setattr("pages.services.galleries.MOST_MARKED", 20)
    monkeypatch.setattr("pages.services.galleries.MOST_GAPS", 2)
    marks = json.loads(marks_of(health))
    assert marks["duplicate"] == [1, 2, 3, 4, 5] and marks["blank"] == [7]
    assert marks["lookalike"] == list(range(20)) and marks["twins"][0] == [0, 50] and len(marks["twins"]) == 20
    assert len(marks["gaps"]) == 2 and marks["gaps"][0][0][0][0] == pytest.approx(47, abs=0.01)
    card = render.health_card(health)
    assert card.count("<button") == 4 and "5 tiles with the same pixels" in card


def test_a_tile_is_shown_with_what_is_said_of_it(service, monkeypatch):
    view = service.tile("gallery", 5)
    assert view.picture is not None and view.twin is None and view.remarks == ()
    opened = service._of(service.catalog.first)
    monkeypatch.setitem(
        vars(opened), "health", Health(121, 1.0, 1, ((5, 6),), (LookAlike(5, 100, 0.985),), 121, (5,), 121, ())
    )
    view = service.tile("gallery", 5)
    card = render.tile_card(view)
    assert opened.gallery.tile(6).id in card and opened.gallery.tile(100).id in card and "0.985" in card
    assert card.count("data:image/jpeg") == 2 and "imagery.tif" in card and str(opened.gallery.folder) not in card
    gone = render.tile_card(replace(view, picture=None))
    assert "not there any more" in gone


@pytest.mark.parametrize("row", [-1, 121, 10**9])
def test_a_row_that_is_not_there_is_a_sentence(service, row):
    with pytest.raises(BadQuestion, match="no such tile"):
        service.tile("gallery", row)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(service, name):
    view = service.tile("gallery", 0)
    tile = replace(view.tile, id=name, source=f"../{name}", placed=name)
    card = render.tile_card(replace(view, tile=tile, twin=tile, cosine=0.99, remarks=(name,)))
    row = render.gallery_list([Facts(name, name, True, 1, model=name, licence=name)], name)
    bad = render.gallery_list([Facts(name, name, False, problem=name)], "")
    for told in (card, row, bad):
        assert "<img src=x" not in told and "<script" not in told and "';hit();//" not in told


def test_the_map_carries_each_footprint_and_asks_no_other_host(service):
    page = service.map_page("gallery")
    assert outside_addresses(page) == set()
    packed = re.search(r'"corners": "([^"]+)", "origin": \[([-\d.e]+), ([-\d.e]+)\]', page)
    corners = np.frombuffer(base64.b64decode(packed[1]), "<f4").reshape(-1, 4, 2) + np.array(packed.groups()[1:], float)
    gallery = service._of(service.catalog.first).gallery
    assert len(corners) == 121 and float(packed[2]) == pytest.approx(WEST_DEG)
    truth = shapely.get_coordinates(gallery.tiles.geometry.to_numpy()).reshape(-1, 5, 2)[:, :4]
    assert np.abs(corners - truth).max() < 1e-7


def test_what_is_no_quadrilateral_is_drawn_as_its_box():
    triangle, square = shapely.Polygon([(0, 0), (2, 0), (0, 1)]), shapely.box(5, 5, 6, 6)
    first, second = gallery_map.corners_of(np.array([triangle, square]))
    assert shapely.Polygon(first).equals(shapely.box(0, 0, 2, 1)) and shapely.Polygon(second).equals(square)


def test_of_too_many_tiles_the_outline_is_drawn(service, monkeypatch):
    monkeypatch.setattr(gallery_map, "MOST_FOOTPRINTS", 100)
    gallery = service._of(service.catalog.first).gallery
    page = gallery_map.gallery_map(gallery, None)
    assert '"corners": ""' in page and "L.polygon(" in page


def test_a_gallery_that_is_not_kept_any_more_is_forgotten(service, world, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in world[0].glob("*.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    own = replace(service.catalog.first, key="secret", temp_folder=folder, folder=folder)
    service.catalog.put(own, 3600)
    assert [facts.key for facts in service.facts(["secret"])] == ["gallery", "gone", "secret"]
    assert "secret" in service._open
    service.catalog.drop("secret")
    assert [facts.key for facts in service.facts(["secret"])] == ["gallery", "gone"] and "secret" not in service._open
    assert not Path(folder).exists()
