"""From photos to unit vectors: preprocessing, one thread that owns the network, batches across callers."""

import hashlib
import json
import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Literal, Self, TypeVar

import cv2
import numpy as np
import torch
from PIL import Image

from .config import IMAGENET_MEAN, IMAGENET_STD, MeanConfig, Resize
from .errors import ConfigError, MeanModelError, PhotoError
from .inference import for_inference
from .network import MEAN
from .other_methods.networks import OtherConfig, OtherNetwork
from .photo import Photo, PhotoSource, load_photo, read_position
from .photo_metadata import PhotoPosition
from .zero_gpu import LentGpu

_log = logging.getLogger(__name__)

Precision = Literal["auto", "float32", "bfloat16"]
T = TypeVar("T")

Config = MeanConfig | OtherConfig
Network = MEAN | OtherNetwork
MAX_BATCH = {"cpu": 8, "cuda": 64}
"""Images of `MAX_BATCH_SIZE` pixels a side in one pass: more gain nothing, and make others wait."""

MAX_BATCH_SIZE = 384
SMALL_BATCH = 4
"""How many times as many smaller ones share a pass, at most: so many of 128 pixels take a quarter less time each."""


def square(image: Image.Image, size_px: int, crop: str = "squash", resize: Resize = "bicubic") -> Image.Image:
    """The square that the network sees.

    Args:
        image: RGB, any shape.
        size_px: side of the square.
        crop: "squash" resizes the whole picture, as the papers do; "centre" first cuts the middle square.
        resize: see `mean_model.config.Resize`.
    """
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    if crop == "centre":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    if resize == "bilinear":
        return Image.fromarray(resized(np.asarray(image.crop(tuple(map(round, box)))), size_px, resize))  # type: ignore[arg-type]
    return image.resize((size_px, size_px), Image.Resampling.BICUBIC, box=box)  # Pillow filters before it shrinks


def resized(picture: np.ndarray, size_px: int, resize: Resize) -> np.ndarray:
    """A picture (H, W, 3) uint8 as a square (S, S, 3), by a rule of `mean_model.config.Resize`."""
    if resize == "bilinear":
        return cv2.resize(np.ascontiguousarray(picture), (size_px, size_px), interpolation=cv2.INTER_LINEAR_EXACT)
    return np.array(square(Image.fromarray(picture), size_px))


def normalised(
    pixels: torch.Tensor, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
) -> torch.Tensor:
    """Pixels (B, S, S, 3), uint8, as the network's input (B, 3, S, S), float32, in channels-last memory order."""
    zero = torch.tensor(mean, device=pixels.device) * 255
    one = torch.tensor(std, device=pixels.device) * 255
    return ((pixels.float() - zero) / one).permute(0, 3, 1, 2)


def fingerprint(weights_sha256: str, config: Config) -> str:
    """16 hex digits that name the weights and everything else that decides an embedding, but no device or precision."""
    parts = [weights_sha256, config.backbone, config.image_size, config.crop, config.rule]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def weights_sha256(network: Network) -> str:
    """A hash of the weights that an embedding depends on, for networks that come from no file."""
    digest = hashlib.sha256()
    for name, value in sorted(network.inference_state_dict().items()):
        digest.update(name.encode() + value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class _Job:
    """Pixels that wait for their vectors."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels  # (n, S, S, 3) uint8
        self.vectors: np.ndarray | None = None  # (n, D) float32


@dataclass(frozen=True)
class WeightsFacts:
    """What is known of a network's weights beside their numbers.

    Attributes:
        name: for people.
        sha256: of the file that they came from; None: computed from the weights.
        calibration: JSON that came with them, or None: what searches with them are worth.
    """

    name: str = "unnamed"
    sha256: str | None = None
    calibration: Any = None


NOTHING_KNOWN = WeightsFacts()


class Embedder:
    """Embeds photos; safe to call from many threads, whose photos then share batches.

    Attributes:
        network: in eval mode and float32: (B, 3, S, S) normalised -> (B, D) unit rows. The MEAN module, or that of
            another method.
        config: its settings.
        name: of the weights, for people.
        fingerprint: short hash of weights and preprocessing; vectors of two fingerprints must not be compared.
        precision: "float32" or "bfloat16", what `embed` computes in.
        calibration: JSON that came with the weights, or None: what searches with them are worth.
    """

    photo_errors = (PhotoError,)  # what `read` and `embed` raise for a photo; `gallery` asks, as it knows no mean_model

    def __init__(
        self,
        network: Network,
        config: Config,
        weights: WeightsFacts = NOTHING_KNOWN,
        *,
        device: str | torch.device | None = None,
        precision: Precision = "auto",
        compile: bool = False,
        max_batch: int | None = None,
        lent: LentGpu | None = None,
    ) -> None:
        """Take over a network.

        Args:
            network: switched to eval mode and moved to the device.
            config: of the network.
            weights: what is known of the network's weights.
            device: such as "cpu" or "cuda:1"; None takes a GPU if there is one.
            precision: "auto" takes bfloat16 where the machine multiplies it in hardware: the same choice at every load.
            compile: let torch.compile optimise for batches of one size. It takes a minute or two at the first batch
                and pays for itself from some thousand photos on. Needs a C++ compiler on a CPU.
            max_batch: most photos in one pass; None: what suits device and image size.
            lent: a GPU that does the passes; the network itself stays on the CPU.

        Raises:
            ConfigError: a device or precision that this machine does not have.
        """
        self.device = _device("cpu" if lent else device)
        if precision not in ("auto", "float32", "bfloat16"):
            raise ConfigError(f"precision is {precision!r}; choose 'auto', 'float32' or 'bfloat16'.")
        if compile and self.device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
            raise ConfigError("Compiling needs a C++ compiler and there is none: install g++, or go without --compile.")
        self.config = config
        self.name = weights.name
        self.calibration = weights.calibration
        self.fingerprint = fingerprint(weights.sha256 or weights_sha256(network), config)
        self.max_batch = max_batch or _most_at_once(self.device, config.image_size)
        self.network = network.eval().requires_grad_(False)
        self._lent = lent
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()
        # One thread: every thread that computes brings its own team of OpenMP threads, and two teams fight for cores.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mean-embedder")
        try:
            self._thread.submit(self._prepare, precision, compile).result()
        except BaseException:
            self.close()
            raise

    @property
    def image_size(self) -> int:
        """Side of the square input, pixels."""
        return self.config.image_size

    @property
    def from_above(self) -> bool:
        """Whether the network knows photos that were brought to the ground plane, beside photos as they are."""
        return self.config.from_above

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""
        return self.network.dimension

    def read(self, source: PhotoSource, least_px: int = 0) -> Photo:
        """The photo at the resolution that embedding needs, about twice the network's input.

        Args: least_px: the shorter side of a larger photo is not shrunk below this, for work that needs more detail.
        """
        return load_photo(source, max(self.image_size, -(-least_px // 2)))

    def position(self, source: str | os.PathLike[str] | bytes | BinaryIO) -> PhotoPosition | None:
        """Where a photo says that it was taken, by its metadata alone."""
        return read_position(source)

    def seen(self, photo: PhotoSource) -> Image.Image:
        """The square picture that the network sees of a photo."""
        if (
            type(photo) is Image.Image
            and photo.mode == "RGB"
            and not photo.info
            and photo.size == (self.image_size,) * 2
        ):
            return photo  # a tile as a build cuts it: nothing to turn, to convert or to shrink
        return square(self.read(photo).image, self.image_size, self.config.crop, self.config.resize)

    def embed(self, photos: Iterable[PhotoSource]) -> np.ndarray:
        """Embed photos: anything that `load_photo` takes, also as a generator.

        Returns:
            (N, D) float32, rows of length 1.

        Raises:
            PhotoError: for the first photo that cannot be read.
        """
        if isinstance(photos, str | bytes | Image.Image | Photo):
            raise ConfigError("embed takes several photos: give a list, also for a single one.")
        vectors: list[np.ndarray] = []
        running: deque[Future[np.ndarray]] = deque()
        for pixels in self._batches(photos):
            running.append(self._submit(pixels))
            if len(running) == 2:  # the next batch is read while one is computed and one stands ready
                vectors.append(running.popleft().result())
        vectors.extend(future.result() for future in running)
        return np.concatenate(vectors) if vectors else np.empty((0, self.dimension), np.float32)

    def compute(self, work: Callable[[Network, torch.Tensor], T], photo: PhotoSource) -> T:
        """Do other work on a photo than embedding it, in the thread that owns the network and always in float32.

        Args:
            work: takes the network and the photo as its input (1, 3, S, S), and leaves the network as it was.
            photo: anything that `load_photo` takes.

        Raises:
            PhotoError: it cannot be read.
        """
        pixels = np.stack([np.asarray(self.seen(photo))])
        return self._start(
            lambda: work(self.network, self._normalised(torch.from_numpy(pixels).to(self.device)))
        ).result()

    def close(self) -> None:
        """Finish what waits and stop the thread. Calling it twice does no harm."""
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _batches(self, photos: Iterable[PhotoSource]) -> Iterator[np.ndarray]:
        """Stacks (n, S, S, 3) of at most `max_batch` squares, read as they are asked for."""
        iterator = iter(photos)
        while group := list(islice(iterator, self.max_batch)):
            yield np.stack([np.asarray(self.seen(photo)) for photo in group])

    # --- what runs in the thread -------------------------------------------------------------------------------------

    def _submit(self, pixels: np.ndarray) -> Future[np.ndarray]:
        job = _Job(pixels)
        with self._lock:
            future = self._start(lambda: self._vectors(job))
            self._waiting.append(job)
            return future

    def _start(self, work: Callable[[], T]) -> Future[T]:
        try:
            return self._thread.submit(work)
        except RuntimeError as error:
            raise MeanModelError("This embedder was closed: load the model again.") from error

    def _vectors(self, job: _Job) -> np.ndarray:
        """The vectors of a job. Whatever waits and fits is computed with it and found done when its turn comes."""
        if job.vectors is None:
            batch = self._take(job)
            vectors = self._forward([waiting.pixels for waiting in batch])
            ends = np.cumsum([len(waiting.pixels) for waiting in batch])
            for waiting, part in zip(batch, np.split(vectors, ends[:-1]), strict=True):
                waiting.vectors = part
        assert job.vectors is not None
        return job.vectors

    def _take(self, job: _Job) -> list[_Job]:
        """The job and those behind it that fit into one batch. If the batch fails, each still has its own turn."""
        with self._lock:
            if self._waiting and self._waiting[0] is job:
                self._waiting.popleft()
            batch, room = [job], self.max_batch - len(job.pixels)
            while self._waiting and len(self._waiting[0].pixels) <= room:
                batch.append(self._waiting.popleft())
                room -= len(batch[-1].pixels)
        return batch

    def _forward(self, stacks: Sequence[np.ndarray]) -> np.ndarray:
        pixels = np.concatenate(stacks)
        return self._pass(pixels, self.device) if self._lent is None else self._lent(pixels)

    @torch.inference_mode()
    def _pass(self, stack: np.ndarray, device: str | torch.device) -> np.ndarray:
        pixels = torch.from_numpy(stack)
        count = len(pixels)
        if self._fixed_batch and count < self.max_batch:  # a compiled network knows one batch size
            pixels = torch.cat([pixels, pixels.new_zeros(self.max_batch - count, *pixels.shape[1:])])
        images = self._normalised(pixels.to(device, non_blocking=True)).to(self._dtype)
        network = self._fast if device == self.device else self._fast.to(device)  # in the lender's fork, and once
        return np.asarray(network(images)[:count].float().cpu())

    @torch.no_grad()  # not inference mode, whose tensors could never be trained again
    def _prepare(self, precision: Precision, compile: bool) -> None:
        """Move the network to its device and choose what computes."""
        self.network = self.network.to(self.device).to(memory_format=torch.channels_last)
        if precision == "auto":
            precision = "bfloat16" if _multiplies_halves(self.device) else "float32"
        half = for_inference(self.network).to(torch.bfloat16) if precision == "bfloat16" else None
        fast = half or self.network
        self._dtype = torch.bfloat16 if half else torch.float32
        self._fixed_batch = compile
        self._fast: torch.nn.Module = _compiled(fast) if compile else fast
        if self._lent is not None:
            self._lent.serve(self._pass)
        _log.info("%s computes in %s on %s", self.name, self.precision, self.device)

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        return normalised(pixels, self.config.mean, self.config.std)

    @property
    def precision(self) -> str:
        """What `embed` computes in: "float32" or "bfloat16"."""
        return str(self._dtype).removeprefix("torch.")


def _multiplies_halves(device: torch.device) -> bool:
    """Whether the machine has instructions for bfloat16, which it would emulate otherwise, slower than float32.

    Asked of the machine and not of a stopwatch: two builds on it must not differ because it was busy during one.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()  # and so has every one with AMX


def _device(name: str | torch.device | None) -> torch.device:
    """The device of that name, or the best one."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)  # a name alone says nothing about the machine
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # CUDA builds raise AssertionError
        raise ConfigError(f"This machine has no device {str(name)!r}: choose 'cpu', or leave it out.") from error
    return device


def _most_at_once(device: torch.device, image_size: int) -> int:
    """Images in one pass, unless somebody says otherwise."""
    smaller = min(SMALL_BATCH, max(1, (MAX_BATCH_SIZE // image_size) ** 2))
    return smaller * MAX_BATCH.get(device.type, MAX_BATCH["cpu"])


def _compiled(network: Network) -> torch.nn.Module:
    """The network compiled with frozen weights and tuned kernels; the work happens at its first batch."""
    from torch._inductor import config as inductor

    inductor.freezing = True
    return torch.compile(network, mode="max-autotune-no-cudagraphs", dynamic=False)  # type: ignore[return-value]
