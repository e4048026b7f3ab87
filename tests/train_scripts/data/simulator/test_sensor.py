"""Haze, light, lens and noise."""

import pytest
import torch

from train_scripts.data.simulator.sensor import KINDS, add_haze, another_sensor, blur, photometry, weather


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


def test_weather_strikes_its_share_and_leaves_the_rest_alone() -> None:
    pictures = picture()[:1].expand(400, -1, -1, -1)
    struck = weather(pictures, torch.Generator().manual_seed(0), 0.3)
    changed = (struck != pictures).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(0.3, abs=0.07)
    assert struck.min() >= 0 and struck.max() <= 255 and torch.isfinite(struck).all()
    assert torch.equal(struck, weather(pictures, torch.Generator().manual_seed(0), 0.3))
    assert torch.equal(pictures[7], picture()[0])  # what was given is left as it was


def test_no_weather_is_no_change_and_all_of_it_strikes_each() -> None:
    assert torch.equal(weather(picture(), torch.Generator(), 0.0), picture())
    struck = weather(picture(), torch.Generator().manual_seed(1), 1.0)
    assert all(not torch.equal(one, other) for one, other in zip(struck, picture(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(24, 24), (33, 49), (96, 64)])
def test_every_kind_of_weather_keeps_shape_and_order(kind, size) -> None:
    """A picture in bad weather is still more like itself than like another one."""
    generator = torch.Generator().manual_seed(0)
    ground = torch.rand(2, 3, 6, 6, generator=generator) * 255
    pictures = torch.nn.functional.interpolate(ground, size=size, mode="bilinear")
    for _ in range(5):
        struck = kind(pictures, generator)
        assert struck.shape == pictures.shape

        def shape_of(x: torch.Tensor) -> torch.Tensor:
            flat = x.flatten(1) - x.flatten(1).mean(1, keepdim=True)
            return torch.nn.functional.normalize(flat, dim=1)

        likeness = shape_of(struck) @ shape_of(pictures).T
        assert likeness[0, 0] > likeness[0, 1] and likeness[1, 1] > likeness[1, 0]


def test_darkness_takes_light_and_fog_contrast() -> None:
    fog, dark, glare, *_ = (kind(picture(), torch.Generator().manual_seed(0)) for kind in KINDS)
    assert dark.mean() < picture().mean() < glare.mean()
    assert fog.std() < 0.75 * picture().std()


def test_another_sensor_changes_its_share_and_leaves_the_rest_alone() -> None:
    pictures = picture()[:1].expand(400, -1, -1, -1)
    changed = another_sensor(pictures, torch.Generator().manual_seed(0), 0.3)
    share = (changed != pictures).flatten(1).any(1).float().mean()
    assert float(share) == pytest.approx(0.3, abs=0.07)
    assert changed.min() >= 0 and changed.max() <= 255 and torch.isfinite(changed).all()
    assert torch.equal(changed, another_sensor(pictures, torch.Generator().manual_seed(0), 0.3))
    assert torch.equal(pictures[7], picture()[0])  # what was given is left as it was
    assert another_sensor(pictures, torch.Generator(), 0.0) is pictures


def test_another_sensor_keeps_what_lies_where() -> None:
    coarse = torch.nn.functional.interpolate(picture(), scale_factor=4, mode="bilinear").clamp(0, 255)
    changed = another_sensor(coarse, torch.Generator().manual_seed(1), 1.0)
    before, after = (one.mean(1).flatten(1) for one in (coarse, changed))
    assert all(float(torch.corrcoef(torch.stack(two))[0, 1]) > 0.7 for two in zip(before, after, strict=True))
