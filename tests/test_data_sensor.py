"""Haze, light, lens and noise."""

import pytest
import torch

from train_scripts.data.sensor import add_haze, blur, photometry


def picture() -> torch.Tensor:
    return torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 255


def test_haze_leaves_two_percent_of_the_contrast_at_the_visibility() -> None:
    visible = torch.tensor([1000.0, 1000.0])
    near, far = (add_haze(picture(), torch.full((2, 24, 24), metres), visible) for metres in (0.0, 1000.0))
    assert torch.allclose(near, picture())
    assert float(far[:, 0].std() / picture()[:, 0].std()) == pytest.approx(0.02, rel=0.01)


def test_blur_keeps_the_mean_and_lowers_the_contrast() -> None:
    flat = blur(picture(), 1.5)
    assert flat.mean() == pytest.approx(float(picture().mean()), rel=0.02)
    assert flat.std() < 0.5 * picture().std()
    assert torch.equal(blur(picture(), 0.0), picture())


def test_photometry_is_decided_by_the_generator_alone() -> None:
    first = photometry(picture(), torch.Generator().manual_seed(3))
    again = photometry(picture(), torch.Generator().manual_seed(3))
    other = photometry(picture(), torch.Generator().manual_seed(4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.min() >= 0 and first.max() <= 255


def test_no_strength_is_no_change() -> None:
    assert torch.equal(photometry(picture(), torch.Generator(), 0), picture())
