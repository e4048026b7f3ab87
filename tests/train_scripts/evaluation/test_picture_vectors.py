"""Vectors of a dataset's pictures: each embedded once, as the files say, in seeded weather."""

import numpy as np
import pytest
from PIL import Image

from train_scripts.data.readers.dataset import BOTH_WAYS, Picture
from train_scripts.data.readers.read_dataset import read_dataset
from train_scripts.errors import BadPicture
from train_scripts.evaluation.picture_vectors import PictureVectors
from train_scripts.evaluation.places import measure


class Counting:
    """An embedder that counts the squares it is given."""

    def __init__(self, embedder):
        self.embedder, self.squares = embedder, 0
        self.image_size, self.dimension, self.seen = embedder.image_size, embedder.dimension, embedder.seen

    def embed(self, squares):
        squares = list(squares)
        self.squares += len(squares)
        return self.embedder.embed(squares)


def test_every_picture_is_embedded_once(home, embedder):
    counting, dataset = Counting(embedder), read_dataset("university1652", home / "uni")
    vectors = PictureVectors(counting, progress=False)
    for condition, squares in (("normal", 16 + 5), ("fog", 16 + 5 + 16)):  # queries are copies; satellites stay clear
        for direction in BOTH_WAYS:
            for protocol in ("paper", "full"):
                measure(dataset, vectors, direction, protocol, condition=condition)
        assert counting.squares == squares
    vectors.forget("fog")
    measure(dataset, vectors, "satellite-to-drone")
    assert counting.squares == squares  # the clear ones are still known
    measure(dataset, vectors, "satellite-to-drone", condition="fog")
    assert counting.squares == squares + 16


def test_vectors_are_those_of_the_files_and_weather_is_seeded(home, embedder):
    pictures = read_dataset("university1652", home / "uni").queries
    vectors, readable = PictureVectors(embedder, progress=False).of(pictures)
    np.testing.assert_allclose(vectors, embedder.embed([picture.file for picture in pictures]), atol=1e-5)
    assert readable == pictures
    fog = [PictureVectors(embedder, progress=False).of(order, "fog")[0] for order in (pictures, pictures[::-1])]
    np.testing.assert_allclose(fog[0], fog[1][::-1], atol=1e-5)  # whatever stands before it
    drone = np.array([picture.kind == "drone" for picture in pictures])
    apart = np.abs(fog[0] - vectors).max(axis=1)
    assert (apart[drone] > 1e-4).all() and (apart[~drone] < 1e-5).all()


def test_a_damaged_picture_does_not_wait_for_the_others(embedder, tmp_path):
    """Threads that read ahead are let go when a run ends."""
    good = tmp_path / "good.png"
    Image.new("RGB", (40, 40), (9, 90, 30)).save(good)
    pictures = [Picture("drone", tmp_path / "gone.png", "a"), *(Picture("drone", good, f"{i}") for i in range(50))]
    with pytest.raises(BadPicture, match=r"gone\.png"):
        PictureVectors(embedder, progress=False).of(pictures)
    vectors, readable = PictureVectors(embedder, skip_unreadable=True, progress=False).of(pictures)
    assert vectors.shape == (50, embedder.dimension) and readable == tuple(pictures[1:])
