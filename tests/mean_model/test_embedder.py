"""The embedder: preprocessing by hand, laws of embeddings, precision, one thread, batches across callers."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mean_model.config import MeanConfig
from mean_model.embedder import Embedder, WeightsFacts, fingerprint, normalised, square, weights_sha256
from mean_model.errors import ConfigError, MeanModelError, PhotoError
from mean_model.network import MEAN
from mean_model.photo import Photo
from tests.helpers import ROOT
from tests.helpers.bad_files import jpeg_bytes, make_bad_files, picture

ATTO = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)


def network() -> MEAN:
    torch.manual_seed(0)
    return MEAN.from_config(ATTO)


@pytest.fixture(scope="module")
def embedder():
    with Embedder(network(), ATTO, WeightsFacts("test"), device="cpu", precision="float32", max_batch=4) as embedder:
        yield embedder


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [picture(200 + 10 * seed, 150, seed) for seed in range(10)]


# --- preprocessing ---------------------------------------------------------------------------------------------------


def test_the_published_resize_looks_at_four_pixels_and_is_another_fingerprint() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    found = np.asarray(square(Image.fromarray(picture), 20, resize="bilinear")).astype(int)
    for row, column in ((0, 0), (7, 3), (19, 19)):
        y, x = (row + 0.5) * 3 - 0.5, (column + 0.5) * 4.5 - 0.5
        top, left, dy, dx = int(y), int(x), y % 1, x % 1
        four = picture[top : top + 2, left : left + 2].astype(float)
        expected = (four * np.outer([1 - dy, dy], [1 - dx, dx])[: four.shape[0], : four.shape[1], None]).sum((0, 1))
        assert np.abs(found[row, column] - expected).max() <= 1
    cut = square(Image.fromarray(picture), 20, "centre", "bilinear")
    assert np.array_equal(
        np.asarray(cut), np.asarray(square(Image.fromarray(picture[:, 15:75]), 20, resize="bilinear"))
    )
    assert fingerprint("0", MeanConfig(resize="bilinear")) != fingerprint("0", MeanConfig())


def test_embedding_is_the_network_on_the_square_by_hand(embedder, pictures):
    squares = np.stack([np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC)) for image in pictures[:3]])
    images = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255
    images = (images - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )
    torch.testing.assert_close(normalised(torch.from_numpy(squares)), images, atol=1e-5, rtol=0)
    with torch.no_grad():
        by_hand = embedder.network(images).numpy()
    np.testing.assert_allclose(embedder.embed(pictures[:3]), by_hand, atol=1e-5)


def test_seen_is_the_square_that_is_embedded(embedder, pictures):
    seen = [embedder.seen(image) for image in pictures]
    assert {image.size for image in seen} == {(64, 64)}
    np.testing.assert_allclose(embedder.embed(seen), embedder.embed(pictures), atol=1e-6)


@given(width=st.integers(32, 300), height=st.integers(32, 300), crop=st.sampled_from(["squash", "centre"]))
@settings(max_examples=25)
def test_a_square_of_one_colour_stays_that_colour(width, height, crop):
    assert square(Image.new("RGB", (width, height), (10, 200, 90)), 32, crop).getcolors() == [(1024, (10, 200, 90))]


def test_centre_cuts_the_middle_and_squash_keeps_all():
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    assert np.all(np.asarray(square(image, 32, "centre"))[:, 1:-1] == (0, 0, 255))
    assert np.asarray(square(image, 32, "squash"))[16, [2, 16, 29]].tolist() == [[255, 0, 0], [0, 0, 255], [255, 0, 0]]


def test_scaled_reading_hardly_changes_what_the_network_sees(embedder):
    noise = np.random.default_rng(0).integers(0, 256, (18, 24, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((2400, 1800), Image.Resampling.BICUBIC)
    data = jpeg_bytes(image, quality=95)
    assert min(embedder.read(data).image.size) == 225 and min(embedder.read(image).image.size) == 128
    full = np.asarray(square(image, 64), np.float32)
    for source in (data, image):
        seen = np.asarray(embedder.seen(source), np.float32)
        assert np.abs(seen - full).mean() < 0.01 * full.std()


# --- laws ------------------------------------------------------------------------------------------------------------


def test_rows_are_unit_float32_in_the_order_of_the_photos(embedder, pictures):
    together = embedder.embed(pictures)
    assert (together.shape, together.dtype) == ((10, embedder.dimension), np.float32)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(np.concatenate([embedder.embed([one]) for one in pictures]), together, atol=1e-5)


def test_every_kind_of_iterable(embedder, pictures):
    assert embedder.embed([]).shape == (0, 320)
    expected = embedder.embed(pictures[:2])
    photos = [embedder.read(image) for image in pictures[:2]]
    assert all(isinstance(photo, Photo) for photo in photos)
    for photos_again in (iter(pictures[:2]), tuple(photos), [np.asarray(image) for image in pictures[:2]]):
        np.testing.assert_allclose(embedder.embed(photos_again), expected, atol=1e-6)
    for single in ("photo.jpg", b"bytes", pictures[0], photos[0]):
        with pytest.raises(ConfigError, match="give a list"):
            embedder.embed(single)


def test_a_bad_photo_raises_and_the_embedder_goes_on(embedder, pictures, tmp_path):
    for bad in make_bad_files(tmp_path).values():
        if bad.expected == "refused":
            with pytest.raises(PhotoError, match=bad.path.name):
                embedder.embed([pictures[0], bad.path])
        else:
            assert embedder.embed([bad.path]).shape == (1, 320)
    assert embedder.embed(pictures[:1]).shape == (1, 320)


# --- precision -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_size", [64, 192])
def test_bfloat16_agrees_with_float32(embedder, pictures, image_size):
    config = replace(ATTO, image_size=image_size)
    with (
        Embedder(network(), config, device="cpu", precision="bfloat16") as half,
        Embedder(network(), config, device="cpu", precision="float32") as full,
    ):
        assert (half.precision, full.precision) == ("bfloat16", "float32")
        assert (half.embed(pictures) * full.embed(pictures)).sum(axis=1).min() > 0.999
        assert half.fingerprint == full.fingerprint
        # The network of either stays in float32 and takes float32.
        images = torch.zeros(1, 3, image_size, image_size)
        assert torch.equal(half.network(images), full.network(images))


@pytest.mark.parametrize(("has_instructions", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_auto_chooses_by_what_the_machine_has_however_busy_it_is(monkeypatch, has_instructions, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_instructions)
    monkeypatch.setattr(time, "perf_counter", iter(range(100, 0, -1)).__next__)  # a clock that tells nonsense
    with Embedder(network(), ATTO, device="cpu") as embedder:
        assert embedder.precision == chosen


def test_wrong_choices_are_refused():
    for options, words in (
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"device": "cuda:77"}, "no device 'cuda:77'"),
    ):
        with pytest.raises(ConfigError, match=words):
            Embedder(network(), ATTO, **options)


def test_compiling_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="C\\+\\+ compiler"):
        Embedder(network(), ATTO, device="cpu", compile=True)


# --- fingerprint -----------------------------------------------------------------------------------------------------


def test_fingerprint_names_weights_and_preprocessing(embedder):
    assert embedder.fingerprint == fingerprint(weights_sha256(network()), ATTO)
    assert len(embedder.fingerprint) == 16
    others = [
        fingerprint("0", ATTO),
        fingerprint(weights_sha256(network()), replace(ATTO, crop="centre")),
        fingerprint(weights_sha256(network()), replace(ATTO, image_size=96)),
    ]
    changed = network()
    with torch.no_grad():
        changed.backbone.stem[0].bias[0] += 1
    others.append(fingerprint(weights_sha256(changed), ATTO))
    assert len({embedder.fingerprint, *others}) == 5
    grid = replace(ATTO, grid=1)
    kinds = [ATTO, grid, replace(grid, stages=2), replace(grid, cell_channels=8), replace(ATTO, normalisation="half")]
    assert len({fingerprint("0", kind) for kind in kinds}) == len(kinds)
    # What an embedding does not depend on does not count.
    assert fingerprint("0", replace(ATTO, cell_channels=8)) == fingerprint("0", ATTO)
    assert fingerprint("0", replace(ATTO, classes=9)) == fingerprint("0", ATTO)


# --- threads and batches ---------------------------------------------------------------------------------------------


@pytest.fixture
def watched(embedder, monkeypatch):
    """The sizes of the batches and the threads that computed them."""
    batches: list[tuple[int, int]] = []
    forward = embedder._forward

    def spy(stacks):
        batches.append((sum(map(len, stacks)), threading.get_ident()))
        return forward(stacks)

    monkeypatch.setattr(embedder, "_forward", spy)
    return batches


def test_long_lists_are_cut_into_batches(embedder, pictures, watched):
    embedder.embed(pictures)
    assert [size for size, _ in watched] == [4, 4, 2]


def test_callers_that_wait_share_batches_in_one_thread(embedder, pictures, watched):
    expected = [embedder.embed([image]) for image in pictures]
    del watched[:]
    gate = threading.Event()
    blocker = embedder._thread.submit(gate.wait)
    with ThreadPoolExecutor(10) as callers:
        futures = [callers.submit(embedder.embed, [image]) for image in pictures]
        while len(embedder._waiting) < 10:
            assert not any(future.done() for future in futures)
        gate.set()
        found = [future.result() for future in futures]
    assert blocker.done()
    assert [size for size, _ in watched] == [4, 4, 2]
    assert len({thread for _, thread in watched} | {threading.get_ident()}) == 2
    for mine, alone in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, alone, atol=1e-5)


def test_an_exception_reaches_the_caller_and_nobody_else_waits_for_ever(embedder, pictures, monkeypatch):
    forward = embedder._forward

    def fails_on_three(stacks):
        if len(stacks) == 3:
            raise torch.OutOfMemoryError("no memory for three")
        return forward(stacks)

    monkeypatch.setattr(embedder, "_forward", fails_on_three)
    gate = threading.Event()
    embedder._thread.submit(gate.wait)
    with ThreadPoolExecutor(3) as callers:
        futures = [callers.submit(embedder.embed, [image]) for image in pictures[:3]]
        while len(embedder._waiting) < 3:
            pass
        gate.set()
        outcomes = [type(future.exception()) for future in futures]
    assert sorted(outcomes, key=str) == sorted([torch.OutOfMemoryError, type(None), type(None)], key=str)
    assert not embedder._waiting


def test_photos_are_read_ahead_but_not_all_at_once(embedder, pictures):
    ahead = 0

    def stream():
        nonlocal ahead
        for number in range(40):
            ahead = max(ahead, number - done)
            yield pictures[number % 10]

    done = 0
    forward = embedder._forward

    def count(stacks):
        nonlocal done
        vectors = forward(stacks)
        done += sum(map(len, stacks))
        return vectors

    embedder._forward = count
    try:
        assert len(embedder.embed(stream())) == 40
    finally:
        del embedder._forward
    assert ahead <= 3 * embedder.max_batch


def test_a_closed_embedder_says_so(pictures):
    embedder = Embedder(network(), ATTO, device="cpu", precision="float32")
    embedder.close()
    embedder.close()
    with pytest.raises(MeanModelError, match="was closed"):
        embedder.embed(pictures[:1])


@pytest.mark.slow
@pytest.mark.process
def test_a_program_that_forgets_to_close_still_ends():
    code = (
        "import torch; from mean_model.embedder import Embedder; from mean_model.network import MEAN;"
        "from mean_model.config import MeanConfig; from PIL import Image;"
        "config = MeanConfig(backbone='convnext_atto', image_size=32, classes=1);"
        "print(Embedder(MEAN.from_config(config), config, device='cpu').embed([Image.new('RGB', (32, 32))]).shape)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (run.returncode, run.stdout.strip()) == (0, "(1, 320)"), run.stderr


def test_a_tile_of_the_networks_size_is_taken_as_it_is_and_embedded_like_any_picture(embedder):
    tile = picture(64, 64, 5)
    as_any = square(tile, 64)
    with_note = tile.copy()
    with_note.info["note"] = "read like a file's"
    expected = embedder.embed([with_note])
    assert embedder.seen(tile) is tile and np.array_equal(np.asarray(tile), np.asarray(as_any))
    np.testing.assert_array_equal(embedder.embed([tile]), expected)
    assert embedder.seen(tile.convert("RGBA")).mode == "RGB"
    assert embedder.seen(picture(64, 65, 5)).size == (64, 64)
