"""Poses by name and by time, and photos that state them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gallery.photo.belief import PoseValues, beliefs_of
from gallery.telemetry.poses import OF_SENSOR, CameraPlace, PoseRecord, Poses, merged
from tests.helpers.builders import FakePhoto, FakePose, FakePosition


def photo(name: str = "a.jpg", size: tuple[int, int] = (40, 30), pose: FakePose | None = None) -> FakePhoto:
    return FakePhoto(Image.new("RGB", size), name, FakePosition(1, 2), pose)


def named(*names: str) -> Poses:
    return Poses("p.csv", tuple(PoseRecord(name, pose=PoseValues(number)) for number, name in enumerate(names)))


def test_photos_are_known_by_name_then_without_the_ending():
    poses = named("A.JPG", "b.tif", "c.jpg", "c.png")
    assert [poses.of_photo(name).pose.heading_deg for name in ("a.jpg", "B.TIF", "b.jpg", "c.png")] == [0, 1, 1, 3]
    assert poses.of_photo("c.webp") is None, "two are called c"
    assert poses.of_photo("d.jpg") is None
    assert named("a.jpg", "a.jpg").of_photo("a.jpg") is None, "two photos of one name that differ"


def test_what_a_file_states_goes_before_what_the_photo_states():
    own = FakePose(10, -60, 100, 24, 3.0, (35.0,))
    record = PoseRecord("a.jpg", pose=PoseValues(90, height_m=50), place=CameraPlace(7, 8))
    said = Poses("p.csv", (record,)).applied(photo(pose=own))
    assert said.pose == PoseValues(90, -60, 50, 24, None, (35.0,)), "the roll goes with the heading"
    assert said.position == CameraPlace(7, 8) and said.notes == ("p.csv states its heading, height.",)
    assert merged(None, PoseValues(1)) == PoseValues(1) and merged(own, PoseValues(height_m=5)).roll_deg == 3
    assert merged(own, PoseValues(focal_35mm=48)).other_focals_35mm == ()


def test_a_photo_that_the_file_does_not_name_keeps_its_own():
    own = photo("z.jpg", pose=FakePose(10))
    said = named("a.jpg").applied(own)
    assert said.pose == own.pose and "does not tell this photo" in said.notes[0]
    by_time = Poses("v.srt", (PoseRecord(time_s=0.0),)).applied(own)
    assert by_time.pose == own.pose and "by time" in by_time.notes[0]


LOG = Poses(
    "log.csv",
    tuple(PoseRecord(time_s=float(n), pose=PoseValues(height_m=n)) for n in range(600)),
    began_at=datetime(2024, 5, 1, 10, 0, 0),
    utc=True,
)
"""Ten minutes; its heights are its seconds."""


@given(st.integers(-13, 13), st.integers(0, 599))
def test_photos_of_other_names_are_told_by_the_clock_in_any_zone(zone, second):
    local = datetime(2024, 5, 1, 10, 0, 0) + timedelta(hours=zone, seconds=second)
    for taken_at in (local, local.replace(tzinfo=timezone(timedelta(hours=zone)))):
        assert LOG.of_photo("IMG_1.jpg", taken_at).pose.height_m == second
        own = replace(photo("IMG_1.jpg", pose=FakePose(300)), taken_at=taken_at)
        assert LOG.applied(own).pose.height_m == second
    india = local + timedelta(minutes=30)
    assert LOG.of_photo("IMG_1.jpg", india).pose.height_m == second


def test_where_the_clock_leaves_a_choice_or_nothing_fits_nothing_is_taken():
    day = replace(LOG, records=tuple(PoseRecord(time_s=float(n), pose=PoseValues(1)) for n in range(0, 9_000, 2)))
    assert day.of_photo("a.jpg", datetime(2024, 5, 1, 11, 0, 0)) is None, "two hours of it would fit"
    assert day.of_photo("a.jpg", datetime(2024, 5, 1, 11, 0, 0, tzinfo=UTC)) is not None
    assert LOG.of_photo("a.jpg", datetime(2024, 5, 4, 10, 0, 0)) is None and LOG.of_photo("a.jpg") is None
    assert "does not tell this photo" in LOG.applied(photo("a.jpg")).notes[0]


def test_a_renamed_photo_is_known_by_the_time_that_the_list_states():
    at = [datetime(2024, 5, 1, 10, 0, second) for second in (0, 4, 4)]
    poses = Poses("p.csv", tuple(PoseRecord(f"{n}.jpg", pose=PoseValues(n), taken_at=at[n]) for n in range(3)))
    assert poses.of_photo("renamed.jpg", at[0]).pose.heading_deg == 0
    assert poses.of_photo("renamed.jpg", at[1]) is None and poses.of_photo("1.jpg", at[0]).pose.heading_deg == 1


def test_a_wide_frame_of_a_4_to_3_sensor_has_the_longer_lens():
    poses = Poses("v.srt", (PoseRecord(time_s=0.0, pose=PoseValues(focal_35mm=24), whole_sensor=True),))
    assert poses.applied(photo(size=(1920, 1080)), 0.0).pose.focal_35mm == pytest.approx(24 * OF_SENSOR)
    assert poses.applied(photo(size=(40, 30)), 0.0).pose.focal_35mm == 24
    assert pytest.approx(1.0894, abs=1e-4) == OF_SENSOR


def moments(*headings: float, every_s: float = 1.0) -> Poses:
    records = (
        PoseRecord(time_s=n * every_s, pose=PoseValues(heading, -90.0 + n, 10.0 * n), place=CameraPlace(n, n / 2))
        for n, heading in enumerate(headings)
    )
    return Poses("v.srt", tuple(records))


@given(st.floats(0, 1), st.floats(0, 359), st.floats(-179, 179))
def test_between_two_moments_everything_turns_and_moves_evenly(share, heading, turn):
    record = moments(heading, heading + turn).at(share)
    assert record is not None and record.place is not None and record.pose.pitch_deg is not None
    off = (record.pose.heading_deg - heading - share * turn + 180) % 360 - 180
    assert abs(off) < 1e-6 and record.pose.pitch_deg == pytest.approx(-90 + share)
    assert (record.pose.height_m, record.place.lon) == pytest.approx((10 * share, share))


def test_a_moment_far_from_all_stated_ones_is_not_known():
    poses = moments(10, 20, every_s=60)
    assert poses.at(1.5).pose.heading_deg == 10 and poses.at(30) is None and poses.at(62.5) is None
    assert poses.applied(photo(), 30).pose is None


def recorded(*flags: int) -> Poses:
    return Poses("log.csv", tuple(PoseRecord(time_s=float(n), filming=bool(flag)) for n, flag in enumerate(flags)))


def test_of_a_log_the_recording_that_is_as_long_as_the_video():
    log = recorded(0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0)
    film = log.of_video(4.2)
    assert [each.time_s for each in film.records] == [0, 1, 2, 3, 4] and not film.notes
    assert "No recording" in log.of_video(60).notes[0] and "Several" in log.of_video(None).notes[0]
    assert "Several" in recorded(1, 1, 0, 1, 1).of_video(1).notes[0]
    assert recorded(0, 0).of_video(1).records == recorded(0, 0).records


def test_what_a_file_states_is_told_as_its():
    record = PoseRecord(file="p.jpg", pose=PoseValues(heading_deg=20, focal_35mm=24))
    applied = Poses("poses.csv", (record,)).applied(replace(photo(), name="p.jpg"))
    assert [each.words for each in beliefs_of(applied)] == [
        "heading 20 degrees, from poses.csv",
        "lens 24 mm, from poses.csv",
    ]
