"""Calibrated probabilities: laws of what speaks for a place, and files that are refused in a sentence."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.constants import SHARES
from gallery.errors import GalleryError
from gallery.judge.calibration import CASES, Calibration, Logistic, case_of, percent
from gallery.judge.evidence import KINDS, Evidence

EVIDENCE = Evidence(score=0.8, margin=0.1, standing=3.0, agreeing=4.0, scatter=1.0, inliers=math.log1p(30))


def logistic(weight: float = 1.0, kinds: int = len(KINDS)) -> Logistic:
    zeros, ones = (0.0,) * kinds, (1.0,) * kinds
    return Logistic(zeros, ones, (weight,) * kinds, -1.0, {0.9: 0.5, 0.95: 0.7, 0.99: None}, 100, 50)


@given(st.floats(-50, 50), st.sampled_from(KINDS))
def test_a_probability_grows_with_what_speaks_for_it(amount, kind):
    less, more = (replace(EVIDENCE, **{kind: value}) for value in (amount, amount + 1.0))
    for weight in (0.2, 40.0):  # also where it is 0 or 1 to the last digit
        low, high = (logistic(weight).probability(one) for one in (less, more))
        assert 0 <= low <= high <= 1
    assert logistic(0.01).probability(more) > logistic(0.01).probability(less)


@pytest.mark.parametrize(
    ("probability", "said"), [(0.0, "under 1 %"), (0.125, "12 %"), (0.95, "95 %"), (0.99, "99 %"), (1.0, "over 99 %")]
)
def test_no_certainty_is_promised(probability, said):
    assert percent(probability) == said


def test_average_evidence_has_the_bias_as_its_logit():
    fitted = replace(logistic(), mean=EVIDENCE.numbers)
    assert fitted.probability(EVIDENCE) == pytest.approx(1 / (1 + math.e))


def test_a_calibration_comes_back_from_its_file(tmp_path):
    one = Calibration("abc", "five flights", {"stated, checked": logistic(), "turned": logistic(kinds=len(KINDS) - 1)})
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(one.to_dict()))
    assert Calibration.read(file) == one
    assert one.of("stated", EVIDENCE) == logistic() and one.of("guessed", EVIDENCE) is None
    assert one.of("stated", replace(EVIDENCE, inliers=None)) is None  # fitted only with the check
    assert one.of("turned", replace(EVIDENCE, inliers=None)) is not None
    assert case_of("turned", True) in CASES and len(CASES) == 6


DAMAGE = {
    "empty": lambda document: "",
    "no JSON": lambda document: "{",
    "a list": lambda document: "[1]",
    "another format": lambda document: json.dumps({**document, "format": 2}),
    "other kinds": lambda document: json.dumps({**document, "kinds": ["score"]}),
    "ways of no kind": lambda document: json.dumps({**document, "ways": [1]}),
    "a short row": lambda document: _with(document, "weights", [1.0]),
    "words": lambda document: _with(document, "bias", "much"),
    "not finite": lambda document: _with(document, "mean", [math.nan] * len(KINDS)),
    "a scale of zero": lambda document: _with(document, "scale", [0.0] * len(KINDS)),
    "no bounds": lambda document: _with(document, "located_at", {}),
    "a deep one": lambda document: "[" * 100_000,
}


def _with(document: dict, name: str, value: object) -> str:
    ways = {case: {**way, name: value} for case, way in document["ways"].items()}
    return json.dumps({**document, "ways": ways})


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_calibration_is_refused_in_a_sentence(damage, tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(DAMAGE[damage](Calibration("abc", "", {"stated, checked": logistic()}).to_dict()))
    with pytest.raises(GalleryError, match="calibrate") as error:
        Calibration.read(file)
    assert str(tmp_path) not in str(error.value)


def test_shares_are_those_of_the_file():
    assert Calibration("a", "", {"stated, checked": logistic()}).to_dict()["ways"]["stated, checked"][
        "located_at"
    ].keys() == {str(share) for share in SHARES}
