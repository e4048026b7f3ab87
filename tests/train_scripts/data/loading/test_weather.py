"""Weather: laws of all ten conditions, and each step against imaug 0.4.3, the fork of the library of the recipe.

`data/weather_imaug_golden.npz` was made once by that library: its steps where nothing is random, and mean and spread of
four facts (brightness, contrast, change along columns and rows) over 300 draws of each condition.
"""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.helpers import DATA
from train_scripts.data.loading import weather
from train_scripts.data.loading.weather import CONDITIONS, RECIPES, apply, chosen, picture_seed
from train_scripts.errors import BadRequest

WEATHERS = CONDITIONS[1:]
SEEDS = 24


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "weather_imaug_golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[:96, :96]
    return np.stack([60 + x, 200 - y, (x * 7 + y * 5) % 160], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def weathered(picture):
    """(SEEDS, 96, 96, 3) float of each condition."""
    return {name: np.stack([apply(name, picture, seed) for seed in range(SEEDS)]).astype(float) for name in CONDITIONS}


def steepness(pictures: np.ndarray) -> float:
    return float(np.abs(np.diff(pictures, axis=-2)).mean())


def test_the_ten_stand_in_the_order_of_the_papers_table():
    assert CONDITIONS == (
        "normal", "fog", "rain", "snow", "fog+rain", "fog+snow", "rain+snow", "dark", "over-exposure", "wind",
    )  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))), st.integers(0, 2**64))
@settings(max_examples=10)
def test_shape_and_type_stay_and_the_picture_is_untouched(condition, picture, seed):
    before = picture.copy()
    result = apply(condition, picture, seed)
    assert result.shape == picture.shape and result.dtype == np.uint8
    assert not np.shares_memory(result, picture) and np.array_equal(picture, before)
    assert np.array_equal(result, apply(condition, picture, seed))


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (33, 65), (101, 4)])
def test_odd_and_tiny_pictures(condition, shape):
    for value in (0, 128, 255):
        assert apply(condition, np.full((*shape, 3), value, np.uint8), 0).shape == (*shape, 3)


def test_a_picture_in_other_memory_order_is_the_same_picture(picture):
    turned = np.asfortranarray(picture)[::-1][::-1]
    for condition in CONDITIONS:
        assert np.array_equal(apply(condition, turned, 1), apply(condition, picture, 1))


def test_normal_is_the_picture_itself(picture):
    assert np.array_equal(apply("normal", picture, 7), picture)


@pytest.mark.parametrize("condition", WEATHERS)
def test_another_seed_is_other_weather(weathered, condition):
    others = len({picture.tobytes() for picture in weathered[condition]})
    assert others >= (0.8 * SEEDS if condition == "over-exposure" else SEEDS)  # which has 6 spaces, 2 orders, 31 sums


def test_what_stands_around_does_not_matter(picture):
    """Threads, earlier calls and NumPy's own generator: only the seed decides."""
    expected = apply("rain+snow", picture, 5)
    np.random.seed(1)
    threads = cv2.getNumThreads()
    try:
        for count in (1, 2):
            cv2.setNumThreads(count)
            apply("fog", picture, 9)
            assert np.array_equal(apply("rain+snow", picture, 5), expected)
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize("condition", ["fog", "rain", "snow", "fog+rain", "fog+snow", "rain+snow", "over-exposure"])
def test_these_make_pictures_lighter(picture, weathered, condition):
    assert (weathered[condition].mean((1, 2, 3)) > picture.mean() + 15).all()


def test_dark_is_darker_and_loses_contrast(picture, weathered):
    assert weathered["dark"].mean() < 0.25 * picture.mean()
    assert weathered["dark"].std((1, 2, 3)).max() < 0.5 * picture.std()


def test_fog_takes_contrast(picture, weathered):
    assert weathered["fog"].std((1, 2, 3)).max() < 0.75 * picture.std()
    assert steepness(weathered["fog"]) < 0.7 * steepness(picture)


def test_rain_falls_downwards(weathered):
    """Streaks lie within 15 degrees of the vertical: brightness changes more along rows than along columns."""
    along_columns = np.abs(np.diff(weathered["rain"], axis=1)).mean()
    assert steepness(weathered["rain"]) > 1.3 * along_columns


def test_snow_whitens_spots_and_leaves_the_rest(picture, weathered):
    white = (weathered["snow"] >= 250).all(-1).mean((1, 2))
    assert ((white > 0.02) & (white < 0.7)).all()
    assert (weathered["snow"] >= picture).all()


def test_wind_blurs_and_keeps_the_brightness(picture, weathered):
    assert weathered["wind"].mean((1, 2, 3)) == pytest.approx(picture.mean(), abs=3)
    assert steepness(weathered["wind"]) < 0.75 * steepness(picture)


@pytest.mark.parametrize("condition", ["fog+rain", "fog+snow"])
def test_fog_lies_below_what_falls(picture, condition):
    """A composition is its layers in the order of the recipe, and its fog is that of fog alone."""
    streams = np.random.default_rng(4).spawn(len(RECIPES[condition]))
    result = apply("fog", picture, 4)
    for layer, random in zip(RECIPES[condition][1:], streams[1:], strict=True):
        result = layer(result, random)
    assert np.array_equal(result, apply(condition, picture, 4))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_layers_are_those_of_the_recipe(condition):
    names = [getattr(layer, "func", layer).__name__ for layer in RECIPES[condition]]
    assert names == {
        "normal": [], "fog": ["fog"], "rain": ["rain"] * 5, "snow": ["snow"] * 5, "fog+rain": ["fog", "rain", "rain"],
        "fog+snow": ["fog", "snow", "snow"], "rain+snow": ["snow", "rain", "rain", "rain", "snow"],
        "dark": ["dim", "brightness"], "over-exposure": ["brightness"], "wind": ["wind"],
    }[condition]  # fmt: skip


def test_an_unknown_name_gets_the_list(picture):
    with pytest.raises(BadRequest) as error:
        apply("hail", picture, 0)
    assert str(error.value) == f"There is no condition 'hail'. Choose one of {', '.join(CONDITIONS)}."


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        None,
    ],
)
def test_other_arrays_are_refused_in_a_sentence(wrong):
    with pytest.raises(BadRequest, match="8-bit RGB"):
        apply("fog", wrong, 0)


def test_a_seed_belongs_to_a_name_and_a_run():
    seeds = {picture_seed(name, run) for name in ("a/1.jpg", "a/2.jpg") for run in (0, 1)}
    assert len(seeds) == 4
    assert picture_seed("query_drone/0001/image-01.jpeg") == 9870091816126092222


def test_options_name_conditions():
    assert chosen("all") == CONDITIONS
    assert chosen("fog, dark") == ("fog", "dark")
    for wrong in ("fog,hail", "", "fog,"):
        with pytest.raises(BadRequest, match=r"over-exposure, wind\.$"):
            chosen(wrong)


# --- against the library of the recipe ---


@pytest.mark.parametrize("number", range(6))
def test_kernels_of_blur(golden, number):
    length_px, angle_deg, direction = golden[f"kernel_{number}_args"]
    kernel = weather.motion_kernel(int(length_px), angle_deg, direction)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, golden[f"kernel_{number}"], atol=0.006)


@pytest.mark.parametrize("space", range(6))
@pytest.mark.parametrize("product_first", [False, True])
@pytest.mark.parametrize("factor, add", [(0.2, -22), (1.6, 17)])
def test_brightness_in_each_colour_space(golden, space, product_first, factor, add):
    expected = golden[f"light_{space}_{int(factor > 1)}_{int(product_first)}"].astype(int)
    result = weather.brightness_in(golden["picture"], weather.SPACES[space], factor, add, product_first)
    # OpenCV 5 rounds HSV otherwise than OpenCV 4
    np.testing.assert_allclose(result, expected, atol=1)


def test_dimming_rain_and_snow_are_the_same_numbers(golden):
    picture, grains = golden["picture"], golden["noise"]
    assert np.array_equal(weather.dim(picture, np.random.default_rng()), golden["dim"])
    assert np.array_equal(weather.rain_over(picture, grains), golden["rain"])
    assert np.array_equal(weather.rain_over(picture, golden["dry"]), golden["rain_dry"])
    assert np.array_equal(weather.snow_over(picture, grains, 0.55, 0.02), golden["snow"])


class Drawn:
    """A generator whose numbers are given."""

    def __init__(self, numbers):
        self.numbers = list(numbers)

    def random(self, shape):
        return self.numbers.pop(0).reshape(shape)


@pytest.mark.parametrize("number", range(3))
def test_noise_of_fog(golden, number):
    height, width, largest = map(int, golden[f"freq_{number}_args"])
    noise = weather._frequency_noise(height, width, largest, Drawn(golden[f"uniform_{number}"]))
    np.testing.assert_allclose(noise, golden[f"freq_{number}"], atol=1e-5)


@pytest.mark.parametrize("condition", WEATHERS)
def test_conditions_look_as_the_recipes_do_on_average(golden, weathered, condition):
    expected, spread = golden["facts"][golden["facts_conditions"].tolist().index(condition)]
    pictures = weathered[condition]
    facts = np.stack(
        [
            pictures.mean((1, 2, 3)),
            pictures.std((1, 2, 3)),
            np.abs(np.diff(pictures, axis=1)).mean((1, 2, 3)),
            np.abs(np.diff(pictures, axis=2)).mean((1, 2, 3)),
        ]
    )
    off = np.abs(facts.mean(axis=1) - expected) / (spread / np.sqrt(SEEDS))
    assert (off < 4).all(), off
