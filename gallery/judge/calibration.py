"""The probability that an answer is right, by what its evidence gave to known photos."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np

from gallery.constants import SHARES
from gallery.errors import GalleryError
from gallery.judge.evidence import KINDS, Evidence, SearchMode

CALIBRATION = "calibration.json"
"""The file beside the weights, or in a gallery's folder, which goes before."""


FORMAT = 1


_MOST_BYTES = 1_000_000


def percent(probability: float) -> str:
    """A probability in words that promise no certainty."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


@dataclass(frozen=True)
class Logistic:
    """A probability by logistic regression on standardised evidence, as fitted for one way of searching.

    Attributes:
        mean, scale, weights: a number for each of `KINDS`, without the last where the check was not asked.
        bias: the logit of average evidence.
        located_at: for each of `SHARES`, the least probability above which so many answers were right; None: none.
        photos, elsewhere: how many it was fitted on, and how many of them showed places that the gallery lacks.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    located_at: Mapping[float, float | None]
    photos: int
    elsewhere: int

    def probability(self, evidence: Evidence) -> float:
        """The probability that the place is right, in (0, 1)."""
        standard = (np.array(evidence.numbers) - self.mean) / self.scale
        logit = self.bias + float(standard @ np.array(self.weights))
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, logit))))


@dataclass(frozen=True)
class Calibration:
    """What the evidence of one model's searches was worth on photos of known place.

    Attributes:
        fingerprint: of the model.
        about: what it was fitted on, in words.
        ways: of searching, by `case_of`; one that is missing was not calibrated.
    """

    fingerprint: str
    about: str
    ways: Mapping[str, Logistic]

    def of(self, way: SearchMode, evidence: Evidence) -> Logistic | None:
        """The logistic that was fitted for this way of searching; None where none was."""
        return self.ways.get(case_of(way, evidence.inliers is not None))

    @classmethod
    def read(cls, file: Path) -> Self:
        """A calibration from its file.

        Raises:
            GalleryError: the file cannot be read, or is none.
        """
        try:
            with file.open("rb") as opened:
                return cls.from_dict(json.loads(opened.read(_MOST_BYTES)))
        except (OSError, ValueError, RecursionError) as error:
            raise GalleryError(f"{file.name} cannot be read: {_REMEDY}") from error

    @classmethod
    def from_dict(cls, document: Any) -> Self:
        """The same from what JSON holds.

        Raises:
            GalleryError: it is no calibration, or one of another version of this program.
        """
        try:
            if (document["format"], tuple(document["kinds"])) != (FORMAT, KINDS):
                raise GalleryError(f"{CALIBRATION} was written by another version of this program: {_REMEDY}")
            ways = {case: _logistic(way, case) for case, way in document["ways"].items()}
            if not set(ways) <= set(CASES):
                raise ValueError("unknown ways of searching")
            return cls(str(document["fingerprint"]), str(document["about"]), ways)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GalleryError(f"{CALIBRATION} is no calibration: {_REMEDY}") from error

    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` reads."""
        ways = {
            way: {**asdict(one), "located_at": {str(share): least for share, least in one.located_at.items()}}
            for way, one in self.ways.items()
        }
        head = {"format": FORMAT, "fingerprint": self.fingerprint, "about": self.about, "kinds": list(KINDS)}
        return {**head, "ways": ways}


def case_of(way: str, checked: bool) -> str:
    """The name of a way of searching, with or without the geometric check."""
    return f"{way}, checked" if checked else way


CASES = tuple(case_of(way, checked) for way in get_args(SearchMode) for checked in (True, False))


_REMEDY = "remove it, or make it again with python -m train_scripts.calibrate."


def _logistic(document: Mapping[str, Any], case: str) -> Logistic:
    mean, scale, weights = (tuple(map(float, document[name])) for name in ("mean", "scale", "weights"))
    bias = float(document["bias"])
    known = {share: document["located_at"][str(share)] for share in SHARES}
    located_at = {share: None if least is None else float(least) for share, least in known.items()}
    numbers = np.array([*mean, *scale, *weights, bias, *(least or 0 for least in located_at.values())])
    length = len(KINDS) - (not case.endswith("checked"))
    if {len(mean), len(scale), len(weights)} != {length} or not np.isfinite(numbers).all() or min(scale) <= 0:
        raise ValueError("numbers are missing, or not finite")
    return Logistic(mean, scale, weights, bias, located_at, int(document["photos"]), int(document["elsewhere"]))
