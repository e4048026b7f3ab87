"""Single frames of a video, by PyAV; a video is hostile until its header was looked at."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from gallery.errors import TrackError
from gallery.track.track import Frame

if TYPE_CHECKING:
    import av

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts")
MOST_BYTES = 8_000_000_000
MOST_PIXELS = 40_000_000  # of one frame: 8K and a little
LONGEST_S = 4 * 3600.0
MOST_FRAMES = 5000  # that are taken from one video
MOST_DECODED = 1_000_000  # frames that are decoded on the way to them
SEEK_OVER_S = 2.0  # a longer way to the next frame is jumped, to the last whole picture before it

_UPRIGHT = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    -180: Image.Transpose.ROTATE_180,
    -90: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Video:
    """What a video's header says."""

    path: Path
    every_s: float
    count: int  # of frames that will be taken, at most
    length_s: float | None = None  # None where the header does not say


def video_of(path: Path, every_s: float, most: int = MOST_FRAMES) -> Video:
    """Look at a video's header, and decode nothing.

    Args:
        every_s: between two frames that are taken.
        most: frames that are taken at most.

    Raises:
        TrackError: it is no video that can be read, or a larger one than is read here.
    """
    if not 0 < every_s < math.inf:
        raise TrackError(f"An interval of {every_s:g} s is not a positive number.")
    name = path.name
    if path.stat().st_size > MOST_BYTES:
        raise TrackError(f"{name} is larger than {MOST_BYTES // 1_000_000_000} GB: cut it, or save it smaller.")
    with path.open("rb") as file, _opened(file, name) as container:
        stream = container.streams.video[0]
        pixels = stream.codec_context.width * stream.codec_context.height
        length_s = _length_s(container, stream)
    if pixels > MOST_PIXELS:
        raise TrackError(f"{name} has {pixels / 1e6:.0f} megapixels a frame and at most 40 are read: save it smaller.")
    if length_s is not None and length_s > LONGEST_S:
        raise TrackError(f"{name} takes {length_s / 3600:.1f} hours and at most 4 are read: cut it.")
    count = math.floor((LONGEST_S if length_s is None else length_s) / every_s) + 1
    if count > most:
        raise TrackError(
            f"{name} has {count} frames at one every {every_s:g} s, and at most {most} are taken: state a longer "
            "interval, or cut it."
        )
    return Video(path, every_s, count, length_s)


def frames(video: Video) -> Iterator[Frame]:
    """Its frames at the interval, upright; what comes after damage is left out.

    Raises:
        TrackError: not even the first frame can be decoded.
    """
    import av

    due_s, taken, decoded = 0.0, 0, 0
    with video.path.open("rb") as file, _opened(file, video.path.name) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        begin_s = float((stream.start_time or 0) * (stream.time_base or 1))
        coming = container.decode(stream)
        try:
            while taken < video.count and decoded < MOST_DECODED:
                frame = next(coming, None)
                if frame is None:
                    break
                decoded += 1
                now_s = due_s if frame.time is None else frame.time - begin_s
                if now_s < due_s - 1e-3 or frame.width * frame.height > MOST_PIXELS:
                    continue
                minutes, seconds = divmod(now_s, 60)
                yield Frame(f"{video.path.name} at {minutes:.0f}:{seconds:04.1f}", _upright(frame), now_s)
                taken += 1
                due_s = max(due_s + video.every_s, now_s + video.every_s / 2)
                if video.every_s > SEEK_OVER_S and stream.time_base:
                    container.seek(int((due_s + begin_s) / stream.time_base), stream=stream)
                    coming = container.decode(stream)
        except av.FFmpegError as error:
            if not taken:
                raise TrackError(f"{video.path.name} is damaged: its frames cannot be decoded.") from error
    if not taken:
        raise TrackError(f"{video.path.name} holds no frame that can be decoded.")


def _opened(file: Any, name: str) -> "av.container.InputContainer":
    """The container, by the reader that its first bytes call for: others could open further files or addresses."""
    import av  # late: only videos need it

    head = file.read(512)
    file.seek(0)
    kinds = {
        "mov": head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"),
        "matroska": head.startswith(b"\x1a\x45\xdf\xa3"),
        "avi": head.startswith(b"RIFF") and head[8:12] == b"AVI ",
        "mpegts": head.startswith(b"\x47") and head[188:189] == b"\x47",
    }
    kind = next((kind for kind, fits in kinds.items() if fits), None)
    if kind is None:
        raise TrackError(f"{name} is not a video that can be read here: choose an MP4, MOV, MKV, WebM, AVI or TS file.")
    try:
        container: av.container.InputContainer = av.open(file, format=kind)
    except (av.FFmpegError, ValueError) as error:
        raise TrackError(f"{name} is damaged or cut short: copy it again.") from error
    if not container.streams.video:
        container.close()
        raise TrackError(f"{name} holds no pictures: choose a video.")
    return container


def _length_s(container: "av.container.InputContainer", stream: "av.video.stream.VideoStream") -> float | None:
    """How long a video takes; None where its header does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1_000_000


def _upright(frame: "av.VideoFrame") -> Image.Image:
    image: Image.Image = frame.to_image()
    turn = _UPRIGHT.get(frame.rotation)
    return image if turn is None else image.transpose(turn)
