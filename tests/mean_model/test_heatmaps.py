"""Heat maps: twins by hand, laws, and a network that is left as it was."""

import threading
from itertools import pairwise

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mean_model.config import MeanConfig
from mean_model.embedder import Embedder
from mean_model.errors import ConfigError, MeanModelError, PhotoError
from mean_model.heatmaps import _map_of, _Similarity, overlay, pair_maps, saliency, similarity_map, span_of
from mean_model.network import MEAN
from mean_model.other_methods.networks import OtherConfig, PooledNetwork
from tests.helpers.bad_files import picture

SIDE = 3  # locations across


def small(precision: str = "float32", backbone: str = "convnext_atto", image_size: int = 32 * SIDE) -> Embedder:
    torch.manual_seed(0)
    config = MeanConfig(backbone=backbone, image_size=image_size, classes=3)
    network = MEAN.from_config(config)
    for block in network.modules():  # timm starts layer scale near 0, where every location looks alike
        if isinstance(getattr(block, "gamma", None), torch.nn.Parameter):
            torch.nn.init.ones_(block.gamma)
    torch.nn.init.normal_(network.backbone.head.norm.weight, 1, 0.3)
    torch.nn.init.normal_(network.backbone.head.norm.bias, 0, 0.3)
    return Embedder(network, config, device="cpu", precision=precision)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def embedder():
    with small() as embedder:
        yield embedder


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [picture(120, 96, seed) for seed in range(4)]


@pytest.fixture(scope="module")
def vectors(embedder, pictures) -> np.ndarray:
    return embedder.embed(pictures)


def feature_map(embedder: Embedder, image: Image.Image) -> np.ndarray:
    """(h, w, D) float64."""
    with torch.no_grad():
        features = embedder.compute(lambda network, images: network.backbone.forward_features(images), image)
    return features[0].permute(1, 2, 0).double().detach().numpy()


def layer_norm(embedder: Embedder) -> tuple[np.ndarray, np.ndarray, float]:
    norm = embedder.network.backbone.head.norm
    return norm.weight.double().numpy(), norm.bias.double().numpy(), norm.eps


# --- similarity ---


def test_similarity_is_the_cosine_of_each_location_by_hand(embedder, pictures, vectors):
    weight, bias, eps = layer_norm(embedder)
    features = feature_map(embedder, pictures[0])
    by_hand = np.zeros((SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            f = features[row, column]
            z = (f - f.mean()) / np.sqrt(f.var() + eps) * weight + bias
            by_hand[row, column] = z @ vectors[1] / np.linalg.norm(z) / np.linalg.norm(vectors[1])
    heat = similarity_map(embedder, pictures[0], vectors[1])
    assert heat.dtype == np.float32 and heat.std() > 0.01
    np.testing.assert_allclose(heat, by_hand, atol=1e-5)


def test_the_embedding_is_the_weighted_sum_of_the_locations(embedder, pictures, vectors):
    """What the docstring of `similarity_map` says."""
    weight, bias, eps = layer_norm(embedder)
    features = feature_map(embedder, pictures[0]).reshape(SIDE * SIDE, -1)
    spread = np.sqrt(features.var(axis=1) + eps)
    z = (features - features.mean(axis=1, keepdims=True)) / spread[:, None] * weight + bias
    shares = spread / len(spread) / np.sqrt(features.mean(axis=0).var() + eps)
    pooled = bias + shares @ (z - bias)
    np.testing.assert_allclose(pooled / np.linalg.norm(pooled), vectors[0], atol=1e-5)


def test_a_picture_is_more_like_itself_than_like_others(embedder, pictures, vectors):
    for number, image in enumerate(pictures):
        means = [similarity_map(embedder, image, vector).mean() for vector in vectors]
        assert int(np.argmax(means)) == number
        random = np.random.default_rng(number).normal(size=embedder.dimension)
        assert means[number] > similarity_map(embedder, image, random).mean()


@given(factor=st.floats(1e-3, 1e3))
@settings(max_examples=5)
def test_the_length_of_the_vector_means_nothing_and_its_sign_turns_the_map(factor):
    with small() as embedder:
        image, vector = picture(64, 64, 1), np.random.default_rng(0).normal(size=embedder.dimension)
        heat = similarity_map(embedder, image, vector)
        np.testing.assert_allclose(similarity_map(embedder, image, factor * vector), heat, atol=1e-5)
        np.testing.assert_allclose(similarity_map(embedder, image, -vector), -heat, atol=1e-5)


@pytest.mark.parametrize(
    "half, blank, kept",
    [
        ((0, 0, 96, 48), np.s_[0], np.s_[-1]),
        ((0, 48, 96, 96), np.s_[-1], np.s_[0]),
        ((0, 0, 48, 96), np.s_[:, 0], np.s_[:, -1]),
        ((48, 0, 96, 96), np.s_[:, -1], np.s_[:, 0]),
    ],
)
def test_a_blank_half_is_where_a_picture_is_like_a_blank_one(embedder, half, blank, kept):
    grey = Image.new("RGB", (96, 96), (120, 120, 120))
    image = picture(96, 96, 5)
    image.paste(grey.crop(half), half)
    heat = similarity_map(embedder, image, embedder.embed([grey])[0])
    assert heat[blank].min() > heat[kept].max()


# --- saliency ---


def test_saliency_is_grad_cam_by_hand(embedder, pictures, vectors):
    features = torch.from_numpy(feature_map(embedder, pictures[0])).permute(2, 0, 1).requires_grad_()
    weight, bias, eps = layer_norm(embedder)
    f = features.mean(dim=(1, 2))
    z = (f - f.mean()) / (f.var(unbiased=False) + eps).sqrt() * torch.from_numpy(weight) + torch.from_numpy(bias)
    cosine = z @ torch.from_numpy(vectors[1]).double() / z.norm()
    (slope,) = torch.autograd.grad(cosine, features)
    shares = (slope.mean(dim=(1, 2))[:, None, None] * features).sum(dim=0)
    assert float(cosine.detach()) == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)
    assert shares.sum().abs() < 1e-3 * shares.abs().sum()  # as the docstring says
    by_hand = (shares.relu() / shares.max()).detach().numpy()
    np.testing.assert_allclose(saliency(embedder, pictures[0], vectors[1]), by_hand, atol=1e-4)


def test_saliency_fills_0_to_1(embedder, pictures, vectors):
    for vector in vectors[1:]:
        heat = saliency(embedder, pictures[0], vector)
        assert (heat.shape, heat.dtype, heat.max(), heat.min()) == ((SIDE, SIDE), np.float32, 1, 0)


def test_between_a_picture_and_itself_there_is_no_slope(embedder, pictures, vectors):
    assert not saliency(embedder, pictures[0], vectors[0]).any()


# --- both ---


@pytest.mark.parametrize("kind, look", [("similarity", similarity_map), ("saliency", saliency)])
def test_a_pair_has_the_map_of_each_for_the_other(embedder, pictures, vectors, kind, look):
    first, second = pair_maps(embedder, pictures[0], pictures[1], kind)
    np.testing.assert_array_equal(first, look(embedder, pictures[0], vectors[1]))
    np.testing.assert_array_equal(second, look(embedder, pictures[1], vectors[0]))


@pytest.mark.parametrize("look", [similarity_map, saliency])
def test_nothing_is_left_on_the_network(look, pictures):
    with small() as embedder:
        before = embedder.embed(pictures)
        weights = {name: value.clone() for name, value in embedder.network.state_dict().items()}
        look(embedder, pictures[0], before[1])
        assert np.array_equal(embedder.embed(pictures), before)
        for module in embedder.network.modules():
            hooks = module._forward_hooks, module._forward_pre_hooks, module._backward_hooks
            assert not any(hooks) and not module.training
        for name, parameter in embedder.network.named_parameters():
            assert parameter.grad is None and not parameter.requires_grad, name
        assert all(torch.equal(value, weights[name]) for name, value in embedder.network.state_dict().items())


@pytest.mark.parametrize("backbone, image_size", [("convnext_femto", 32), ("convnext_pico", 160)])
def test_maps_have_a_location_for_32_pixels(backbone, image_size, pictures):
    with small(backbone=backbone, image_size=image_size) as embedder:
        for look in (similarity_map, saliency):
            heat = look(embedder, pictures[0], embedder.embed(pictures[1:2])[0])
            assert heat.shape == (image_size // 32, image_size // 32) and np.isfinite(heat).all()


@pytest.mark.parametrize(
    "backbone, side",
    [
        ("resnet18", 2),
        ("swin_tiny_patch4_window7_224", 2),
        ("vit_base_patch16_rope_reg1_gap_256", 4),
    ],
)
def test_other_networks_have_maps_too(backbone, side, pictures):
    config = OtherConfig("other", backbone, 64)
    options = {"depth": 1} if backbone.startswith("vit") else {}
    sizes = {} if backbone == "resnet18" else {"img_size": 64}
    torch.manual_seed(0)
    network = PooledNetwork(timm.create_model(backbone, num_classes=0, **sizes, **options))
    with Embedder(network, config, device="cpu", precision="float32") as embedder:
        vectors = embedder.embed(pictures[:2])
        heat, cam = (look(embedder, pictures[0], vectors[1]) for look in (similarity_map, saliency))
        assert heat.shape == cam.shape == (side, side) and np.abs(heat).max() <= 1 and (cam.min(), cam.max()) == (0, 1)
        similarity = _Similarity(network, torch.from_numpy(vectors[1]))
        features = embedder.compute(lambda network, images: _map_of(network.backbone, images), pictures[0])
        assert float(similarity(features)) == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)


def test_a_grid_compares_each_location_with_the_cell_in_its_place(pictures):
    torch.manual_seed(0)
    config = MeanConfig("convnext_atto", 128, classes=3, stages=3, grid=2, cell_channels=5)
    with Embedder(MEAN.from_config(config), config, device="cpu", precision="float32") as embedder:
        vectors = embedder.embed(pictures[:2])
        heat, cam = (look(embedder, pictures[0], vectors[1]) for look in (similarity_map, saliency))
        features = feature_map(embedder, pictures[0])
        layer = embedder.network.grid.project
    weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
    cells = vectors[1].reshape(2, 2, 5)
    assert heat.shape == cam.shape == (8, 8) and (cam.min(), cam.max()) == (0, 1)
    for row, column in ((0, 0), (3, 4), (7, 2)):
        own, other = weight @ features[row, column] + bias, cells[row // 4, column // 4]
        assert heat[row, column] == pytest.approx(own @ other / np.linalg.norm(own) / np.linalg.norm(other), abs=1e-5)


def test_networks_without_a_pooled_map_are_refused(pictures):
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64, depth=1)
    with Embedder(PooledNetwork(vit), OtherConfig("other", "vit", 64), device="cpu", precision="float32") as embedder:
        for look in (similarity_map, saliency):
            with pytest.raises(ConfigError, match="not the mean of a map"):
                look(embedder, pictures[0], embedder.embed(pictures[:1])[0])


def test_maps_are_float32_where_embeddings_are_not(embedder, pictures, vectors):
    with small("bfloat16") as half:
        assert half.precision == "bfloat16"
        for look in (similarity_map, saliency):
            np.testing.assert_allclose(
                look(half, pictures[0], vectors[1]), look(embedder, pictures[0], vectors[1]), atol=1e-5
            )


def test_all_work_is_done_in_the_embedders_thread(embedder, pictures, vectors, monkeypatch):
    seen = set()
    forward = embedder.network.backbone.forward_features
    monkeypatch.setattr(
        embedder.network.backbone, "forward_features", lambda x: seen.add(threading.current_thread().name) or forward(x)
    )
    expected = [look(embedder, pictures[0], vectors[1]) for look in (similarity_map, saliency)]
    results: list[np.ndarray] = []
    callers = [
        threading.Thread(target=lambda look=look: results.append(look(embedder, pictures[0], vectors[1])))
        for look in (similarity_map, saliency, similarity_map, saliency)
    ]
    for caller in callers:
        caller.start()
    embedded = embedder.embed(pictures)
    for caller in callers:
        caller.join()
    assert len(seen) == 1 and seen.pop().startswith("mean-embedder")
    assert sum(np.array_equal(heat, expected[0]) for heat in results) == 2
    assert sum(np.array_equal(heat, expected[1]) for heat in results) == 2
    np.testing.assert_allclose(embedded, vectors, atol=1e-6)


@pytest.mark.parametrize("vector", [np.zeros(3), np.ones((1, 320)), np.zeros(320), np.full(320, np.nan)])
def test_a_vector_of_another_network_is_refused(embedder, pictures, vector):
    for look in (similarity_map, saliency):
        with pytest.raises(ConfigError, match="no embedding of this network, which has 320 numbers"):
            look(embedder, pictures[0], vector)


def test_bad_photos_and_closed_embedders_get_their_own_errors(tmp_path, pictures):
    with small() as embedder:
        (tmp_path / "bad.jpg").write_bytes(b"no picture")
        with pytest.raises(PhotoError):
            similarity_map(embedder, tmp_path / "bad.jpg", np.ones(embedder.dimension))
    with pytest.raises(MeanModelError, match="closed"):
        saliency(embedder, pictures[0], np.ones(embedder.dimension))


# --- pictures of maps ---


def test_opacity_runs_from_the_picture_to_the_map():
    image, heat = picture(90, 70, 2), np.random.default_rng(0).random((4, 5)).astype(np.float32)
    clear, half, full = (np.asarray(overlay(image, heat, opacity)).astype(int) for opacity in (0.0, 0.5, 1.0))
    assert np.array_equal(clear, np.asarray(image)) and half.shape == (70, 90, 3)
    assert np.abs(half - (clear + full) / 2).max() <= 1


def test_brighter_is_more_and_values_beyond_the_span_are_cut():
    flat = [np.full((2, 2), value, np.float32) for value in np.linspace(-1, 1, 9)]
    shades = [np.asarray(overlay(Image.new("RGB", (8, 8)), heat, 1, (-0.5, 0.5)).convert("L"))[4, 4] for heat in flat]
    assert shades[0] == shades[2] and shades[-1] == shades[-3]
    assert all(low < high for low, high in pairwise(shades[2:-2]))


def test_the_map_lies_as_the_picture_does():
    heat = np.zeros((3, 3), np.float32)
    heat[0, 2] = 1
    grey = np.asarray(overlay(Image.new("RGB", (60, 60)), heat, 1).convert("L"))
    assert np.unravel_index(grey.argmax(), grey.shape)[0] < 20 <= 40 <= np.unravel_index(grey.argmax(), grey.shape)[1]


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20))
def test_a_span_lies_within_the_values_and_is_never_empty(values):
    low, high = span_of(np.array(values, np.float32))
    assert min(values) <= low < high <= max(values) + 1e-5


def test_a_span_is_of_all_maps_together():
    first, second = np.linspace(0, 0.1, 101), np.linspace(0.4, 0.5, 101)
    low, high = span_of(first, second)
    assert low == pytest.approx(0.004, abs=1e-3) and high == pytest.approx(0.496, abs=1e-3)
