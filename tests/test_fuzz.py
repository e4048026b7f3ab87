"""The fuzzer's corpus is read whole, its mutations are the same again, and it tells what it looks for."""

import random

from mean_model.errors import PhotoError
from mean_model.photo import load_photo
from tests import fuzz


def test_every_file_of_the_corpus_is_read():
    for name, data in fuzz.corpus().items():
        if name not in ("segments.jpg", "jpeg.tif", "plain.avif"):  # refused as attacks are; read by a worker
            assert load_photo(data, 100).image.size[0] > 0, name


def test_a_seed_makes_the_same_files():
    data = fuzz.corpus()["plain.jpg"]
    first, second = ([fuzz.mutated(data, rng) for _ in range(5)] for rng in (random.Random(3), random.Random(3)))
    assert first == second and len(set(first)) == 5


def test_what_it_looks_for_is_told(monkeypatch):
    def fails(data):
        raise KeyError("x")

    def refuses(data):
        raise PhotoError("no")

    assert fuzz.tried(b"", fails) == ("exception", "KeyError('x')")
    assert fuzz.tried(b"", refuses) == ("refused", "no")
    monkeypatch.setattr(fuzz, "MOST_HERE_S", 0)
    assert fuzz.tried(b"", lambda data: sum(range(10_000)))[0] == "slow"


def test_a_short_run_finds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "corpus", lambda: {"plain.jpg": jpeg()})
    assert fuzz.main(["--minutes", "0.01", "--keep", str(tmp_path)]) == 0 and not list(tmp_path.iterdir())


def jpeg():
    return fuzz.jpeg_bytes(fuzz.picture(48, 48))
