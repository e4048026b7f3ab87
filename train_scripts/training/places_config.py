"""Settings of a training on photographed places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mean_model.config import MeanConfig
from mean_model.errors import ConfigError
from mean_model.other_methods.networks import OtherConfig
from train_scripts.data.loading import weather
from train_scripts.data.loading.pictures import Unreadable
from train_scripts.data.readers.dataset import BOTH_WAYS, Direction, Protocol, views_of
from train_scripts.training.common_config import TrainingConfig
from train_scripts.training.initial_weights import Parts
from train_scripts.training.method_config import Method, MethodLosses, NetworkConfig

Precision = Literal["auto", "published", "float32", "bfloat16", "float16"]
Head = Literal["linear", "pee", "gee"]
Sampling = Literal["pairs", "places", "gps", "similarity"]

FREE = {"out", "workers", "tensorboard", "save_every_steps", "log_every_steps", "evaluate_every", "unreadable"}
"""Settings that may change when a run goes on."""


@dataclass(frozen=True)
class Terms:
    """What the losses look at: the whole of MEAN by default, less of it for the rows of the paper's Table VII.

    A branch that no loss looks at is neither computed nor trained.
    """

    heads: tuple[Head, ...] = ("pee", "gee")  # classified; "linear" is a plain classifier of the pooled feature
    cosine: float = 1.0  # weight of CDA's first term, L(C)
    distance: float = 1.0  # weight of CDA's second term, L(D)
    distance_as: Literal["published", "mean_square"] = "published"  # see mean_model.losses.cross_domain_alignment
    aligned_contrast: float = 0.0  # weight of InfoNCE on the mean of the aligned map, for CEA without CDA


@dataclass(frozen=True)
class PlacesConfig(TrainingConfig):
    """Everything that a run depends on but the machine. The defaults are those published for University-1652."""

    method: Method = "mean"  # another one has [network] and [losses] in place of [model], [weights] and [terms]
    dataset: str = ""  # KIND:PATH, such as university1652:data/University-Release
    height: int = 0  # metres, of SUES-200 and DenseUAV; 0 mixes all
    test: str = ""  # another dataset to evaluate on (cross-domain); empty for the same one
    test_heights: tuple[int, ...] = ()  # heights to evaluate one by one; empty for `height`
    out: str = "runs/places"  # checkpoint, best/ and last/ model folders, history
    start_parts: Parts = "all"
    epochs: int = 2
    steps: int = 0  # of the optimiser, after which it ends before its epochs do; 0: all of them
    sampling: Sampling = "pairs"  # an epoch is each pair once; each place once; or neighbours meet in a batch
    neighbours: int = 64  # that a pair brings into its batch, of `neighbour_range`; by gps or similarity
    neighbour_range: int = 128
    accumulate: int = 1  # batches per step of the optimiser; each batch contrasts its own pairs only
    optimizer: Literal["adamw", "sgd"] = "adamw"  # sgd: Nesterov's momentum of 0.9
    backbone_rate: float = 1.0  # learning rate of the backbone, of that of all else
    rate_steps: tuple[float, ...] = ()  # shares of the training at which the rate falls to `rate_factor`; else a cosine
    rate_factor: float = 0.1
    clip_value: float = 100.0  # largest gradient of one number
    precision: Precision = "auto"  # auto: bfloat16 on a GPU; published: float16 there; both float32 on a CPU
    augment: bool = True
    flip: float = 0.5
    least_crop: float = 1.0
    weather: tuple[str, ...] = ()  # conditions drawn for drone pictures; ["all"] for the ten
    unreadable: Unreadable = "stop"
    directions: tuple[Direction, ...] = BOTH_WAYS
    protocols: tuple[Protocol, ...] = ("paper", "full")  # the first of each decides which epoch is best
    evaluate_every: int = 1  # epochs; 0 for never
    save_every_steps: int = 200
    log_every_steps: int = 25
    workers: int = 4  # processes that read pictures
    tensorboard: bool = True  # curves in out/tensorboard, where tensorboard is installed
    terms: Terms = field(default_factory=Terms)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    losses: MethodLosses = field(default_factory=MethodLosses)

    def __post_init__(self) -> None:
        self._check_numbers()
        if not self.directions or not self.protocols:
            raise ConfigError("directions and protocols need one entry each at least; evaluate_every = 0 skips tests.")
        if not self.terms.heads and self.weights.classification:
            raise ConfigError("classification has a weight but terms.heads is empty: name a head, or set it to 0.")
        for direction in self.directions:
            if not {*views_of(direction)} <= {"drone", "satellite"}:
                raise ConfigError(f"directions holds {direction}; training reads drone and satellite pictures only.")
        if self.method != "mean":
            self._check_method()
        _ = self.conditions  # raises for one that does not exist

    def _check_method(self) -> None:
        self.network.of(self.method)
        weights = self.losses
        if not any((weights.info_nce, weights.instance, weights.triplet, weights.mutual)):
            raise ConfigError(f"method is {self.method} and [losses] has no weight: see train_scripts/configs/methods.")
        pooled = self.network.of(self.method).head == "pooled"
        for name in () if pooled else ("info_nce", "alignment", "within"):
            if getattr(weights, name):
                raise ConfigError(f"losses.{name} has a weight, but {self.method} has no pooled feature: set it to 0.")

    @property
    def embeds(self) -> MeanConfig | OtherConfig:
        """What describes the network that is trained."""
        return self.model if self.method == "mean" else self.network.of(self.method)

    @property
    def classes(self) -> int:
        """Places of the dataset, which `model.classes` holds for every method."""
        return self.model.classes

    def _check_numbers(self) -> None:
        for name in ("epochs", "accumulate", "save_every_steps", "log_every_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("steps", "weight_decay", "workers", "evaluate_every", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative.")
        for name in ("learning_rate", "clip_value", "least_crop", "neighbours", "neighbour_range"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be above 0.")
        for name in ("warmup", "label_smoothing", "ema", "flip", "least_crop"):
            if not 0 <= getattr(self, name) <= 1 or (name == "ema" and self.ema == 1):
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be a share from 0 to 1.")

    @property
    def conditions(self) -> tuple[str, ...]:
        """Weather conditions to train in."""
        return weather.chosen(",".join(self.weather)) if self.weather else ()
