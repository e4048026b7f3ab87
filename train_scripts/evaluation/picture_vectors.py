"""Embeds the pictures of a dataset once each, read by many threads, and keeps the vectors in memory."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from gallery.report.photo_quality import PictureFacts, picture_facts
from train_scripts.data.loading import weather
from train_scripts.data.readers.dataset import Picture, read_picture
from train_scripts.data.readers.listing import shown
from train_scripts.errors import BadPicture

if TYPE_CHECKING:
    from mean_model.embedder import Embedder

CLEAR = weather.CONDITIONS[0]
"""The condition that changes nothing."""

_AHEAD = 4  # pictures that are read ahead of the network, per thread

Seen = tuple[Picture, str]
"""A picture in a condition."""

Key = tuple[str, str, str]
"""Hash of the file, condition, and what the weather is drawn from."""


class PictureVectors:
    """The vectors of pictures, by content: a dataset holds most drone pictures twice, as query and in the gallery.

    Weather is put on drone pictures only, at their own size, and drawn from the picture's name: both copies look alike,
    and every run on every machine sees the same pictures.
    """

    how_to_skip = "give --skip-unreadable"

    def __init__(
        self, embedder: Embedder, *, skip_unreadable: bool = False, progress: bool = True, measured: bool = False
    ) -> None:
        """Start with nothing embedded.

        Args:
            skip_unreadable: leave out what cannot be read; else the first such picture ends the run.
            measured: take `picture_facts` of the pictures as they are read.
        """
        self._embedder = embedder
        self._skip = skip_unreadable
        self._progress = progress
        self._vectors: dict[Key, np.ndarray] = {}
        self._keys: dict[Seen, Key | None] = {}
        self._facts: dict[Key, PictureFacts] | None = {} if measured else None

    def of(self, pictures: Sequence[Picture], condition: str = CLEAR) -> tuple[np.ndarray, tuple[Picture, ...]]:
        """Embed what is not known yet.

        Args:
            condition: a weather of `train_scripts.data.loading.weather.CONDITIONS`.

        Returns: (N, D) float32 rows of length 1, and the N pictures that they are of: those that can be read.

        Raises:
            BadPicture: a picture cannot be read, and such pictures are not to be skipped.
        """
        self.embed(pictures, condition)
        keys = {picture: self._keys[_in(condition, picture)] for picture in pictures}
        readable = tuple(picture for picture in pictures if keys[picture] is not None)
        rows = [self._vectors[key] for picture in readable if (key := keys[picture]) is not None]
        return np.stack(rows) if rows else np.empty((0, self._embedder.dimension), np.float32), readable

    def facts_of(self, pictures: Sequence[Picture], condition: str = CLEAR) -> tuple[PictureFacts, ...] | None:
        """The measures of pictures that were embedded; None where none were to be taken."""
        if self._facts is None:
            return None
        keys = [self._keys[_in(condition, picture)] for picture in pictures]
        return tuple(self._facts[key] for key in keys if key is not None)

    def forget(self, condition: str) -> None:
        """Free the vectors of a condition: those of ten would not fit where those of one do."""
        self._keys = {one: key for one, key in self._keys.items() if one[1] != condition}
        self._vectors = {key: row for key, row in self._vectors.items() if key[1] != condition}
        if self._facts is not None:
            self._facts = {key: facts for key, facts in self._facts.items() if key[1] != condition}

    def embed(self, pictures: Iterable[Picture], condition: str = CLEAR) -> None:
        """Embed what is not known yet; `of` does it too. Args and Raises: as `of`."""
        asked = [one for one in dict.fromkeys(_in(condition, picture) for picture in pictures) if one not in self._keys]
        if not asked:
            return
        found: dict[Seen, Key | None] = {}
        fresh: dict[Key, None] = {}
        bar = tqdm(total=len(asked), unit="picture", desc=condition, file=sys.stderr, disable=not self._progress)

        def squares() -> Iterator[Image.Image]:
            for one, key, square in self._read(asked, fresh):
                bar.update()
                found[one] = key
                if key is not None and square is not None and key not in fresh:
                    fresh[key] = None
                    yield square

        with bar:
            rows = self._embedder.embed(squares())
        self._vectors.update(zip(fresh, rows, strict=True))
        self._keys.update(found)

    def _read(
        self, asked: Sequence[Seen], fresh: Collection[Key]
    ) -> Iterator[tuple[Seen, Key | None, Image.Image | None]]:
        """Each picture with its key (None: unreadable) and, unless its vector is known or on its way, its square."""
        threads = min(16, os.cpu_count() or 1)
        waiting: deque[tuple[Seen, Future[tuple[Key, Image.Image | None]]]] = deque()
        rest = iter(asked)
        with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
            try:
                while True:
                    for one in islice(rest, threads * _AHEAD - len(waiting)):
                        waiting.append((one, pool.submit(self._look, *one, fresh)))
                    if not waiting:
                        return
                    one, future = waiting.popleft()
                    try:
                        yield one, *future.result()
                    except BadPicture as error:
                        if not self._skip:
                            raise BadPicture(f"{error} To leave such pictures out, {self.how_to_skip}.") from error
                        tqdm.write(f"Left out: {shown(str(error))}", file=sys.stderr)
                        yield one, None, None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _look(self, picture: Picture, condition: str, fresh: Collection[Key]) -> tuple[Key, Image.Image | None]:
        key = (_digest(picture), condition, "" if condition == CLEAR else picture.name)
        if key in self._vectors or key in fresh:
            return key, None
        pixels = in_weather(picture, condition, self._embedder.image_size)
        if self._facts is not None:
            self._facts[key] = picture_facts(pixels)
        return key, self._embedder.seen(pixels)


def _in(condition: str, picture: Picture) -> Seen:
    """The picture in the condition that it can be in: satellites see no weather."""
    return picture, condition if picture.kind == "drone" else CLEAR


def in_weather(picture: Picture, condition: str, target_px: int) -> Image.Image:
    """The pixels of a picture in a weather condition.

    Args:
        target_px: side that is needed in the end; a clear picture is decoded no larger than that asks for.

    Raises:
        BadPicture: it cannot be read.
    """
    if condition == CLEAR:
        return read_picture(picture, target_px)
    pixels = np.asarray(read_picture(picture))
    return Image.fromarray(weather.apply(condition, pixels, weather.picture_seed(picture.name)))


def _digest(picture: Picture) -> str:
    from mean_model.atomic_files import file_sha256

    try:
        return file_sha256(picture.file)
    except OSError:
        return ""  # reading it as a picture says what is wrong
