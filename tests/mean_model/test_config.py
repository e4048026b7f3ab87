"""Settings: what goes in comes out, and what makes no network is refused by name."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mean_model.config import MeanConfig
from mean_model.errors import ConfigError


@given(
    config=st.builds(
        MeanConfig,
        backbone=st.sampled_from(["convnext_atto", "convnext_base"]),
        image_size=st.integers(1, 40).map(lambda n: 32 * n),
        classes=st.integers(1, 100_000),
        crop=st.sampled_from(["squash", "centre"]),
        dec_dropout=st.floats(0, 0.99),
        temperature=st.floats(1e-3, 10),
        softmax=st.sampled_from(["once", "twice"]),
        grid=st.integers(1, 8),
        stages=st.integers(0, 4),
        normalisation=st.sampled_from(["imagenet", "half"]),
    )
)
def test_a_config_survives_json(config: MeanConfig) -> None:
    assert MeanConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_defaults_are_the_published_model() -> None:
    config = MeanConfig.from_dict({})
    assert (config.backbone, config.image_size, config.classes) == ("convnext_tiny", 384, 701)


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        MeanConfig().classes = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("colour", 1, "Unknown setting colour; known are .*image_size"),
        ("backbone", 3, "backbone is 3; it must be text"),
        ("stages", -1, "stages is -1; it must be at least 0"),
        ("stages", 3, "stages is 3 and grid 0: set grid"),
        ("grid", -1, "grid is -1; it must be at least 0"),
        ("cell_channels", 0, "cell_channels is 0; it must be at least 1"),
        ("normalisation", "none", "normalisation is 'none'; choose 'imagenet' or 'half'"),
        ("image_size", "384", "image_size is '384'; it must be a whole number"),
        ("image_size", 384.0, "image_size is 384.0; it must be a whole number"),
        ("image_size", True, "image_size is True; it must be a whole number"),
        ("image_size", 100, "image_size is 100; choose a multiple of 32"),
        ("image_size", 0, "image_size is 0"),
        ("classes", 0, "classes is 0; it must be at least 1"),
        ("classes", None, "classes is None; it must be a whole number"),
        ("embedding_channels", 6, "embedding_channels is 6; it must be a positive multiple of 4"),
        ("aligned_channels", -1, "aligned_channels is -1; it must be at least 1"),
        ("dec_dropout", 1.0, "dec_dropout is 1.0; it must be at least 0 and below 1"),
        ("deg_dropout", float("nan"), "deg_dropout is nan"),
        ("drop_path", "much", "drop_path is 'much'; it must be a number"),
        ("temperature", 0, "temperature is 0; it must be above 0"),
        ("temperature", float("inf"), "temperature is inf; it must be above 0 and finite"),
        ("crop", "middle", "crop is 'middle'; choose 'squash' or 'centre'"),
        ("crop", ["squash"], "crop is .*; choose"),
        ("from_above", 1, "from_above is 1; it must be true or false"),
        ("softmax", "thrice", "softmax is 'thrice'; choose 'twice' or 'once'"),
    ],
)
def test_a_bad_setting_is_named(key: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        MeanConfig.from_dict({key: value})
