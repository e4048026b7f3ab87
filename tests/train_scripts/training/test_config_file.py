"""Settings: the shipped configs are read, and a wrong setting is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from mean_model.errors import ConfigError
from mean_model.losses import LossWeights
from mean_model.network import MEAN
from tests.helpers.training import CONFIGS
from train_scripts.train import read_config
from train_scripts.training.places_config import PlacesConfig, Terms
from train_scripts.training.step import Step


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_read(file: Path) -> None:
    config = read_config(file)
    assert config.batch > 0
    if isinstance(config, PlacesConfig):
        Step(MEAN.from_config(replace(config.model, backbone="convnext_atto", classes=2)), config)
        assert file.stem in config.out or file.stem in ("sues200",)
        if config.height == 150:
            assert (config.epochs, config.batch, config.weights) == (1, 24, LossWeights(1.0, 0.1, 0.75))
        if file.stem in ("university1652", "table7_6_full", "cross_domain", "multi_weather"):
            assert (config.epochs, config.batch, config.weights) == (2, 64, LossWeights(1.0, 0.1, 1.3))
            assert config.terms == Terms() and config.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochz=3", "Unknown setting epochz"),
        ("model.backbon=x", "Unknown setting backbon"),
        ("terms.head=[]", r"Unknown setting head in \[terms\]"),
        ('epochs="two"', "epochs is 'two'; it must be a whole number"),
        ("epochs=0", "epochs is 0; it must be at least 1"),
        ("augment=1", "augment is 1; it must be true or false"),
        ("precision=float8", "choose 'auto' or 'published' or 'float32'"),
        ('terms.heads=["gef"]', "heads is 'gef'; choose 'linear' or 'pee' or 'gee'"),
        ("terms.heads=[]", "classification has a weight but terms.heads is empty"),
        ("weights.alignment=true", "alignment is True; it must be a number"),
        ("weights=1", r"must be a section \[weights\]"),
        ("epochs", "write key=value"),
        ("worlds=runs/worlds", "both dataset and worlds"),
        ("model.image_size=100", "multiple of 32"),
    ],
)
def test_a_wrong_setting_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(CONFIGS / "university1652.toml", [override])


def test_overrides_reach_their_section_and_unknown_keys_are_named() -> None:
    file = CONFIGS / "starter.toml"
    config = read_config(file, ["batch=7", "model.image_size=64", "out=runs/elsewhere", "flight.altitude_m=[50, 90]"])
    assert (config.batch, config.model.image_size, config.out) == (7, 64, "runs/elsewhere")
    assert config.flight.altitude_m == (50, 90)
    with pytest.raises(ConfigError, match="batsch"):
        read_config(file, ["batsch=7"])
    with pytest.raises(ConfigError, match="info_nec"):
        read_config(file, ["weights.info_nec=7"])
