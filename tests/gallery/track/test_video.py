"""Frames of a video: the right ones, upright, within limits; what is no video gets a sentence."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from gallery.errors import TrackError
from gallery.track import video

av = pytest.importorskip("av")


def write_video(path: Path, seconds: float = 12.0, rate: int = 5, size: tuple[int, int] = (96, 64)) -> Path:
    """A video whose brightness tells the second: 20 grey levels each; its upper left corner is white."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(round(seconds * rate)):
            picture = np.full((size[1], size[0], 3), 20 * (number // rate), np.uint8)
            picture[:16, :16] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4")


def grey(frame) -> float:
    return float(np.asarray(frame.source.convert("L"))[-16:, -16:].mean())


@pytest.mark.parametrize("every_s", [1.0, 3.0])
def test_frames_come_at_the_interval(clip, every_s):
    footage = video.video_of(clip, every_s)
    frames = list(video.frames(footage))
    assert len(frames) == math.ceil(12 / every_s) <= footage.count
    for number, frame in enumerate(frames):
        assert frame.time_s == pytest.approx(number * every_s, abs=0.21)
        assert grey(frame) == pytest.approx(20 * (number * every_s), abs=8)
    assert frames[1].name == f"clip.mp4 at 0:{every_s:04.1f}"


def test_other_containers_are_read(tmp_path):
    for ending in ("mkv", "avi", "mov", "ts"):
        path = write_video(tmp_path / f"clip.{ending}", seconds=3)
        assert len(list(video.frames(video.video_of(path, 1.0)))) == 3, ending


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_a_turned_video_is_upright(clip, tmp_path, degrees, corner):
    data = bytearray(clip.read_bytes())
    matrix_at = data.index(b"tkhd") + 4 + 40
    turn = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (value << 16 for value in turn)
    data[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    first = np.asarray(next(video.frames(video.video_of(turned, 5.0))).source.convert("L"))
    assert first.shape == ((64, 96) if degrees % 180 == 0 else (96, 64))
    row, column = (slice(0, 8) if side == 0 else slice(-8, None) for side in corner)
    assert first[row, column].mean() > 200, "clockwise, as the matrix says"


def test_what_is_too_large_is_refused_before_anything_is_decoded(clip, monkeypatch):
    for limit, value, words in (
        ("MOST_BYTES", 1000, "larger than"),
        ("MOST_PIXELS", 1000, "megapixels a frame"),
        ("LONGEST_S", 5.0, "hours"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(video, limit, value)
            with pytest.raises(TrackError, match=words):
                video.video_of(clip, 1.0)
    with pytest.raises(TrackError, match="longer interval"):
        video.video_of(clip, 1.0, most=5)
    for every_s in (0.0, -1.0, math.nan):
        with pytest.raises(TrackError, match="positive number"):
            video.video_of(clip, every_s)


def test_what_is_no_video_gets_one_sentence(clip, tmp_path):
    cases = {
        "text.mp4": (b"no video at all", "not a video"),
        "list.mp4": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a video"),
        "concat.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a video"),
        "empty.mp4": (b"", "not a video"),
        "cut.mp4": (clip.read_bytes()[:600], "damaged"),
    }
    for name, (data, words) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(TrackError, match=words) as refused:
            list(video.frames(video.video_of(tmp_path / name, 1.0)))
        assert str(refused.value).startswith(name) and "/" not in str(refused.value)


def test_damage_on_the_way_keeps_the_frames_before_it(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    begin = data.index(b"mdat") + 4
    moov = data.index(b"moov")
    middle, end = begin + (moov - begin) // 2, moov - 8
    data[middle:end] = np.random.default_rng(0).integers(0, 256, end - middle, np.uint8).tobytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    frames = list(video.frames(video.video_of(broken, 1.0)))
    assert len(frames) >= 5 and grey(frames[2]) == pytest.approx(40, abs=8)
