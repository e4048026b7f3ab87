"""The public names of mean_model."""

import subprocess
import sys

import pytest

import mean_model


@pytest.mark.process
def test_importing_the_package_costs_no_torch() -> None:
    code = "import sys, mean_model; mean_model.PhotoError, mean_model.MeanConfig; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", mean_model.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(mean_model, name).__name__ == name
    assert name in dir(mean_model)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mean_model.nonsense  # noqa: B018


def test_one_family_of_errors() -> None:
    for error in (mean_model.PhotoError, mean_model.CheckpointError, mean_model.ConfigError):
        assert issubclass(error, mean_model.MeanModelError)
