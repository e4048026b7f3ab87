"""The track of a flight: the order of its photos, what each of them says, and what is claimed of them together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer, Near
from gallery.errors import TrackError
from gallery.geo import LonLat, Position, distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground
from gallery.search.doubt import PoseReport
from gallery.search.options import SearchOptions
from gallery.search.scales import typical_side_m
from gallery.track.evidence import of_fit, silent
from gallery.track.motion import TilePlane
from gallery.track.track import ASSUMED_EVERY_S, Frame, Sighting, claim_of, in_time, sightings, track
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePosition, build_region
from tests.helpers.ground_views import terrain, view

NOON = datetime(2026, 6, 1, 12, 0, 0)


@pytest.fixture
def localizer(gallery) -> Localizer:
    return Localizer(gallery, FakeEmbedder())


@pytest.fixture(scope="module")
def way(gallery) -> list[int]:
    """Tiles along a row of the gallery, from west to east."""
    lons, lats = gallery.centres.T
    rows = np.flatnonzero(np.abs(lats - lats[len(lats) // 2]) < 1e-4)
    return rows[np.argsort(lons[rows])].tolist()


def photo_of(gallery: Gallery, row: int, name: str | None = None) -> FakePhoto:
    at = gallery.tile(row).centre
    return FakePhoto(gallery.image(gallery.tile(row), 64), name or f"{row}.jpg", FakePosition(at.lon, at.lat))


def asked(localizer: Localizer, rows: list[int]) -> list[Sighting]:
    frames = [Frame(f"{number}.jpg", photo_of(localizer.gallery, row)) for number, row in enumerate(rows)]
    seen = sightings(localizer, frames, options=SearchOptions(rotations=1, verify=False), picture_px=16)
    return [replace(one, taken_at=NOON + timedelta(seconds=4 * number)) for number, one in enumerate(seen)]


def test_a_flight_is_found_and_a_wrong_match_is_put_right(gallery, localizer, way):
    rows = way[:8]
    seen = asked(localizer, rows)
    seen[3] = replace(asked(localizer, [len(gallery) - 1])[0], name="3.jpg", taken_at=seen[3].taken_at)
    found = track(localizer, seen)
    assert [fix.state for fix in found.fixes] == ["found"] * 3 + ["bridged"] + ["found"] * 4
    for fix, row in zip(found.fixes, rows, strict=True):
        assert distance_m(gallery.tile(row).centre, LonLat(fix.position.lon, fix.position.lat)) < 60
        assert 0 < fix.position.radius_m < 150 and 0.9 < fix.certainty <= 1
    assert found.fixes[0].error_m < 60 and found.count("found") == 7
    assert all(max(fix.sighting.picture.size) == 16 for fix in found.fixes)


def test_the_files_may_come_in_any_order(localizer, way):
    seen = asked(localizer, way[:6])
    forward, mixed = track(localizer, seen), track(localizer, seen[::-1])
    assert [fix.photo for fix in mixed.fixes] == [fix.photo for fix in forward.fixes]
    assert [fix.position for fix in mixed.fixes] == [fix.position for fix in forward.fixes]


def test_an_area_limits_the_track(gallery, localizer, way):
    seen = asked(localizer, way[:4])
    far = gallery.tile(way[-1]).centre
    found = track(localizer, seen, near=Near(far.lon, far.lat, 0.1))
    assert all(fix.state != "found" for fix in found.fixes)


def test_an_unreadable_photo_is_told_and_the_others_count(gallery, localizer, way, tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture")
    good = [Frame(f"{row}.jpg", photo_of(gallery, row)) for row in way[:3]]
    bad = Frame("bad.jpg", tmp_path / "bad.jpg")
    seen = list(sightings(localizer, [good[0], bad, *good[1:]], options=SearchOptions(rotations=1, verify=False)))
    found = track(localizer, seen, every_s=4.0)
    assert len(found.fixes) == 3 and [problem.photo for problem in found.problems] == ["bad.jpg"]
    with pytest.raises(TrackError, match=r"bad\.jpg"):
        track(localizer, seen[1:2])
    with pytest.raises(TrackError, match="None of the photos"):
        track(localizer, [seen[1], seen[1]])


def test_the_track_as_json_keeps_what_is_known(localizer, way):
    found = track(localizer, asked(localizer, way[:3])).to_dict()
    assert set(found) == {"fixes", "problems", "notes"}
    first = found["fixes"][0]
    assert set(first) == {"photo", "time_s", "taken_at", "state", "certainty", "position", "exif"}
    assert set(first["position"]) == {"lon", "lat", "radius_m"} and first["taken_at"] == "2026-06-01T12:00:00"


def sighting(name: str, taken_at: datetime | None = None, time_s: float | None = None) -> Sighting:
    return Sighting(name, taken_at=taken_at, time_s=time_s)


def test_photos_stand_in_the_order_of_their_clocks():
    late, early = sighting("a", NOON + timedelta(seconds=2.5)), sighting("b", NOON)
    ordered, times_s, notes = in_time([late, early])
    assert [one.name for one in ordered] == ["b", "a"] and times_s == [0.0, 2.5] and notes == ()
    ordered, times_s, _ = in_time([late, early], every_s=3.0)
    assert [one.name for one in ordered] == ["a", "b"] and times_s == [0.0, 3.0]


def test_time_zones_count_where_all_photos_state_them():
    zoned = sighting("a", NOON.replace(tzinfo=timezone(timedelta(hours=2))))
    utc = sighting("b", (NOON - timedelta(hours=2, seconds=-5)).replace(tzinfo=UTC))
    assert in_time([zoned, utc])[1] == [0.0, 5.0]
    plain = sighting("c", NOON + timedelta(seconds=7))
    assert in_time([zoned, plain])[1] == [0.0, 7.0]


def test_without_times_the_files_count_and_a_note_says_so():
    ordered, times_s, notes = in_time([sighting("b"), sighting("a", NOON)])
    assert [one.name for one in ordered] == ["b", "a"] and times_s == [0.0, ASSUMED_EVERY_S]
    assert "--every" in notes[0]
    assert in_time([sighting("x", time_s=4.0), sighting("y", time_s=8.5)])[1] == [0.0, 4.5]


@pytest.mark.parametrize("every_s", [0.0, -1.0, float("nan"), float("inf")])
def test_an_interval_is_a_positive_number(every_s):
    with pytest.raises(TrackError, match="positive number"):
        in_time([sighting("a")], every_s)


def test_where_a_fit_is_right_its_point_is_the_answer(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    point = moved(gallery.tile(40).centre, 12, -9)
    said = of_fit(Position(point.lon, point.lat, 4.0), ground)
    chances = said.likelihood * (said.likelihood > 1)
    state, certainty, position = claim_of(chances / chances.sum(), said, ground)
    assert state == "found" and certainty == pytest.approx(1, abs=0.02)
    assert distance_m(point, LonLat(position.lon, position.lat)) < 1 and 4 <= position.radius_m < 15


def test_what_may_be_in_two_places_is_lost(gallery):
    ground = TilePlane.of(gallery.centres, typical_side_m(gallery))
    chances = np.zeros(len(gallery))
    chances[[0, len(gallery) - 1]] = 0.6, 0.4
    state, certainty, position = claim_of(chances, silent(len(gallery)), ground)
    assert (state, position) == ("lost", None) and certainty == pytest.approx(0.6)


@pytest.fixture(scope="module")
def flown(tmp_path_factory) -> tuple[Localizer, list[Frame], list[LonLat]]:
    """A gallery with its ground, photos of a flight to the east over it, and what they show; the fourth is foreign."""
    own = build_region(tmp_path_factory.mktemp("flown"), FakeEmbedder(), np.stack([terrain(500, 7)] * 3))
    make_ground(own)
    corner = max((own.tile(row) for row in range(len(own))), key=lambda tile: tile.centre.lat - tile.centre.lon)
    frames, truths = [], []
    for number in range(6):
        grey = terrain(500, 12 if number == 3 else 7)
        ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
        at_m = (140.0 + 40 * number, -260.0)
        picture = Image.fromarray(view(ground, at_m, 90 + number, 0.5, (340, 260))).convert("RGB")
        at = NOON + timedelta(seconds=4 * number)
        frames.append(Frame(f"{number}.jpg", FakePhoto(picture, f"{number}.jpg", taken_at=at)))
        truths.append(moved(corner.corners[0], *at_m))
    return Localizer(own, FakeEmbedder()), frames, truths


def test_a_flight_over_its_ground_is_followed_and_embeds_only_what_is_lost(flown):
    localizer, frames, truths = flown
    embedded = []
    seen = []
    for one in sightings(localizer, frames, options=SearchOptions(rotations=1)):
        seen.append(one)
        embedded.append(localizer.embedder.embedded)
    assert embedded[0] == embedded[2] < embedded[3] == embedded[5], "only the first and the foreign photo are embedded"
    assert seen[1].best is None and seen[1].tile is not None and seen[1].fit is None
    assert seen[3].best is not None and seen[3].alone is None
    found = track(localizer, seen)
    assert [fix.state for fix in found.fixes[:3]] == ["found"] * 3
    for number in (0, 1, 2, 4, 5):
        at = found.fixes[number].position
        assert distance_m(truths[number], LonLat(at.lon, at.lat)) < 3 < at.radius_m + 3
    assert found.fixes[3].state != "found"


def test_a_flight_is_not_followed_where_it_can_have_gone_too_far(flown):
    localizer, frames, _ = flown
    before = localizer.embedder.embedded
    list(sightings(localizer, frames[:2], options=SearchOptions(rotations=1), every_s=3600.0))
    after = localizer.embedder.embedded
    list(sightings(localizer, frames[:2], options=SearchOptions(rotations=1)))
    assert after - before == 2 * (localizer.embedder.embedded - after) > 0


def test_what_is_stated_is_doubted_until_that_was_in_vain_a_few_times(localizer, way, monkeypatch):
    """Each doubt is one or two searches more; a flight elsewhere would take three times as long."""
    found, doubted = [5], []

    def localize(photo, k, near, options):
        doubted.append(options.doubt)
        located = len(doubted) in found
        tried = PoseReport((), ("heading",) if options.doubt else (), "heading" if located else "")
        verdict = "located" if located else "unsure"
        return SimpleNamespace(matches=(), ground=None, fit=None, position=None, exif=None, pose=tried, verdict=verdict)

    monkeypatch.setattr(localizer, "localize", localize, raising=False)
    frames = [Frame(f"{number}.jpg", photo_of(localizer.gallery, way[0])) for number in range(7)]
    seen = list(sightings(localizer, frames))
    assert doubted == [True, True, True, False, False, True, True]
    assert [one.found_without for one in seen] == ["", "", "", "", "heading", "", ""]
    assert "1 of 7 photos were found only without the heading that they state." in track(localizer, seen).notes
