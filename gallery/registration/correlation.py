"""The whole area at once: a photo on the ground plane correlates with the map by the direction of its gradients.

The feature of a pixel is its gradient as a complex number, squared: a dark-to-bright and a bright-to-dark edge of one
direction are then the same. Its magnitude is flattened, so that a few strong edges do not decide.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import fft

from gallery.errors import RegistrationError
from gallery.ground.picture import GroundImage, LaidPhoto
from gallery.interruption import stop_if_asked

COARSE_M_PER_PX = 1.2
"""Metres a pixel, scale of a map unless another is given."""

REACH_M = 180.0
"""Metres east, west, north and south of a photo's centre within which its ground is correlated: more takes time, and
adds little."""

SMOOTH_PX = 1.5
"""Pixels, standard deviation by which features are smoothed: parts of two views are shifted by about as much."""

LOCAL_PX = 12.0
"""Pixels, standard deviation of the mean gradient around a pixel, that its own is measured against."""

FLAT_GREY = 1.5
"""Grey values a pixel, mean gradient below which ground counts as flat: noise then does not become features."""

CLIP = 2.0
"""Root of a gradient over its local mean at which it is cut: a few strong edges shall not decide."""

LEAST_PX = 200
"""Pixels of ground that a photo must show at the scale of comparison: fewer fit anywhere."""

LEAST_ENERGY = 1e-3
"""Mean squared feature of a photo that shows something."""

LEAST_UNDER = 0.1
"""Share of the photo's energy that the map must have under it: less is flat ground, where any noise correlates."""

ENERGY_CELL_M = 9.6
"""Metres, side of the cells in which the map's energy under a photo is summed: it changes slowly."""

LEAST_SPREAD = 0.01
"""Smallest standard deviation of scores over a map: on a map of hardly more than the photo's size there is none."""

LEAST_INSIDE = 0.55
"""Share of the photo that must lie on ground that the map holds."""

BLOCK_PX = 1536
"""Pixels, longest side of one Fourier transform; larger maps are split, and memory does not grow with them."""

ELSEWHERE_M = 25.0
"""Metres; a place farther from a better one than this is another place."""

SAMPLED = 150
"""Rows or columns, the fewer of the two, of a map that its median score is taken from: more take time, and change
nothing."""

NEAR_PX = 5
"""Pixels around a vote's place in which the correlation is looked up: votes are 10 m exact."""


@dataclass(frozen=True, eq=False)
class Features:
    """Doubled-angle gradients of a picture of the ground.

    Attributes:
        values: (H, W) complex64, 0 where there is no ground.
        held: (H, W) float32, 1 where there is ground.
    """

    values: np.ndarray
    held: np.ndarray

    @property
    def energy(self) -> float:
        """Sum of the squared values."""
        return float((np.abs(self.values) ** 2).sum())


def features_of(ground: GroundImage) -> Features:
    """The features of a picture at its own scale."""
    grey = ground.grey.astype(np.float32)
    held = ground.held
    if not held.all():
        held = cv2.erode(held.astype(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_REPLICATE) > 0
    share = held.astype(np.float32)
    right, down = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32), cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    strength = np.sqrt(right * right + down * down) * share
    local = cv2.GaussianBlur(strength, (0, 0), LOCAL_PX)
    weight = cv2.GaussianBlur(share, (0, 0), LOCAL_PX)
    relative = strength / (local / np.maximum(weight, 1e-3) + FLAT_GREY)
    flat = np.minimum(np.sqrt(relative), CLIP)
    scale = flat / np.maximum(strength * strength, 1e-6) * share
    real, imaginary = (right * right - down * down) * scale, 2 * right * down * scale
    real, imaginary = cv2.GaussianBlur(real, (0, 0), SMOOTH_PX), cv2.GaussianBlur(imaginary, (0, 0), SMOOTH_PX)
    length = np.sqrt(real * real + imaginary * imaginary)
    norm = share / np.sqrt(length + 0.05)  # half-way to length 1: weak directions keep less weight
    return Features(((real + 1j * imaginary) * norm).astype(np.complex64), share)


@dataclass(frozen=True)
class Hypothesis:
    """A correction of a photo's assumed pose.

    Attributes:
        turn_deg: clockwise.
        growth: of its scale.
    """

    turn_deg: float
    growth: float


@dataclass(frozen=True)
class Place:
    """A place of a score map.

    Attributes:
        east_m: of the photo's centre.
        north_m: of the photo's centre.
        z: its score.
        hypothesis: that it was reached under.
    """

    east_m: float
    north_m: float
    z: float
    hypothesis: Hypothesis


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """How well a photo fits at each place of a map.

    Attributes:
        z: (H, W) float32, normalised correlation less its median over the map, in robust standard deviations of it,
            both of the same hypothesis, under the best one; -inf where too little ground lies. Under a small scale the
            photo covers little ground and accidents correlate more: scores of two scales do not compare, these do.
        hypothesis: (H, W) int16, which one that is.
        hypotheses: that were tried.
        m_per_px: of the map; place (row, column) is the photo's centre at `west_m + column * m_per_px` east and
            `north_m - row * m_per_px` north.
        west_m: of the first column.
        north_m: of the first row.
    """

    z: np.ndarray
    hypothesis: np.ndarray
    hypotheses: tuple[Hypothesis, ...]
    m_per_px: float
    west_m: float
    north_m: float

    def peaks(self, most: int, apart_m: float = ELSEWHERE_M) -> list[Place]:
        """The best places that lie apart, best first."""
        left = self.z.copy()
        found = []
        reach = round(apart_m / self.m_per_px)
        for _ in range(most):
            row, column = np.unravel_index(int(left.argmax()), left.shape)
            value = float(left[row, column])
            if value == -math.inf:
                break
            east, north = self.west_m + column * self.m_per_px, self.north_m - row * self.m_per_px
            hypothesis = self.hypotheses[int(self.hypothesis[row, column])]
            found.append(Place(float(east), float(north), value, hypothesis))
            left[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = -np.inf
        return found

    def z_near(self, east_m: float, north_m: float) -> float:
        """The highest z within `NEAR_PX` of a place; 0 where no ground lies."""
        row = round((self.north_m - north_m) / self.m_per_px)
        column = round((east_m - self.west_m) / self.m_per_px)
        rows, columns = (slice(max(0, middle - NEAR_PX), max(0, middle + NEAR_PX + 1)) for middle in (row, column))
        z = float(self.z[rows, columns].max(initial=-np.inf))
        return z if math.isfinite(z) else 0.0


@dataclass(frozen=True, eq=False)
class _Template:
    """A photo that is correlated.

    Attributes:
        held: (H, W) float32, where it shows ground.
        row: of its centre.
        column: of its centre.
        spectrum: (2, H, W) what the transforms of the map's features are multiplied by.
        shown: pixels of ground.
        energy: sum of its squared features.
        before: pixels by which the products lie too far down and right.
    """

    held: np.ndarray
    row: int
    column: int
    spectrum: np.ndarray
    shown: float
    energy: float
    before: int

    def turned_round(self) -> "_Template":
        """The same photo turned by 180 degrees: pixel k from its centre is then pixel -1 - k."""
        height, width = self.held.shape
        held = np.ascontiguousarray(self.held[::-1, ::-1])
        spectrum = np.conj(self.spectrum)
        return replace(self, held=held, row=height - self.row, column=width - self.column, spectrum=spectrum, before=1)


class Correlator:
    """A map at one scale, ready for photos; its transforms are made once.

    Args:
        ground: the map.
        m_per_px: scale at which it is compared.
        reach_m: of photos around their centre.
    """

    def __init__(self, ground: GroundImage, m_per_px: float = COARSE_M_PER_PX, reach_m: float = REACH_M) -> None:
        self.ground = ground.at_scale(m_per_px)
        self.m_per_px, self.reach_m = m_per_px, reach_m
        self.features = features_of(self.ground)
        height, width = self.features.held.shape
        self._reach = math.ceil(reach_m / m_per_px) + 1
        self._sides = tuple(_block_side(side + 1, self._reach) for side in (height, width))
        self._inner = tuple(side - 2 * self._reach for side in self._sides)
        self._blocks = self._spectra()
        self._shrunk = max(1, round(ENERGY_CELL_M / m_per_px))
        energy = np.abs(self.features.values) ** 2
        self._low = [_shrink(each, self._shrunk, self._reach) for each in (energy, self.features.held)]

    def _spectra(self) -> list[tuple[int, int, np.ndarray]]:
        """Upper left corners of overlapping blocks of the map, and (2, H, W) their transforms."""
        values = self.features.values
        padded = np.pad(values, [(self._reach, self._reach + side) for side in self._sides])
        blocks = []
        for top in range(0, values.shape[0] + 1, self._inner[0]):
            for left in range(0, values.shape[1] + 1, self._inner[1]):
                part = padded[top : top + self._sides[0], left : left + self._sides[1]]
                blocks.append((top, left, fft.rfft2(np.stack([part.real, part.imag]), axes=(1, 2))))
        return blocks

    def __call__(self, photo: LaidPhoto, hypotheses: Sequence[Hypothesis]) -> ScoreMap:
        """Correlate a photo with the whole map under each hypothesis, and keep the best at each place.

        Raises:
            RegistrationError: no hypothesis, or the photo shows too little ground at this scale.
        """
        if not hypotheses:
            raise RegistrationError("No heading or scale was given to correlate with.")
        height, width = self.features.held.shape
        best = np.full((height + 1, width + 1), -np.inf, np.float32)
        which = np.zeros(best.shape, np.int16)
        compared = False
        for number, score in self._standardised(photo, hypotheses):
            stop_if_asked()
            compared = True
            better = score > best
            np.copyto(best, score, where=better)
            which[better] = number
        if not compared:
            raise RegistrationError("The photo shows too little ground to be compared with the map.")
        ground = self.ground
        return ScoreMap(best, which, tuple(hypotheses), self.m_per_px, ground.west_m, ground.north_m)

    def _standardised(self, photo: LaidPhoto, hypotheses: Sequence[Hypothesis]) -> Iterator[tuple[int, np.ndarray]]:
        """Number and scores, in standard deviations, of each hypothesis under which there is something to compare.

        Opposite headings share one transform: doubled angles are the same in a photo that is turned round.
        """
        waiting: dict[tuple[float, float], int] = {}
        for number, each in enumerate(hypotheses):
            waiting.setdefault((round(each.turn_deg % 360, 3), each.growth), number)
        for number, each in enumerate(hypotheses):
            if waiting.pop((round(each.turn_deg % 360, 3), each.growth), None) != number:
                continue  # it was told with its opposite
            opposite = waiting.pop((round((each.turn_deg + 180) % 360, 3), each.growth), None)
            template = self._template(photo, each)
            if template is None:
                continue
            both = [(number, template), *([] if opposite is None else [(opposite, template.turned_round())])]
            for which, one in both:
                score = self._scored(one)
                if _standardise(score):
                    yield which, score

    def one(self, photo: LaidPhoto, hypothesis: Hypothesis) -> np.ndarray | None:
        """(H + 1, W + 1) float32 scores under one hypothesis, -1 where too little ground lies.

        Returns:
            None where the photo has no features.
        """
        template = self._template(photo, hypothesis)
        return None if template is None else self._scored(template)

    def _template(self, photo: LaidPhoto, hypothesis: Hypothesis) -> "_Template | None":
        """A photo ready to be correlated; None where it has no features."""
        laid = photo.laid(self.m_per_px, hypothesis.turn_deg, hypothesis.growth, self.reach_m)
        features = features_of(laid)
        shown, energy = float(features.held.sum()), features.energy
        if shown < LEAST_PX or energy <= LEAST_ENERGY * shown:
            return None
        row, column = _middle(laid)
        values = _wrapped(features.values, row, column, self._sides)
        spectrum = fft.rfft2(np.stack([values.real, values.imag]), axes=(1, 2))
        return _Template(features.held, row, column, np.conj(spectrum, out=spectrum), shown, energy, 0)

    def _scored(self, template: "_Template") -> np.ndarray:
        """(H + 1, W + 1) float32 scores, -1 where too little ground lies."""
        score = self._products(template)
        mask, row, column = template.held, template.row, template.column
        under, inside = (self._under(low, mask, row, column) for low in self._low)
        valid = (inside >= LEAST_INSIDE * template.shown) & (under >= LEAST_UNDER * template.energy)
        norm = np.sqrt(np.maximum(under, 1e-3) * template.energy)
        score *= self._spread_out(1 / norm)  # smooth: made at the coarse scale
        score[self._spread_out(valid.astype(np.float32)) < 0.5] = -1
        return score

    def _products(self, template: "_Template") -> np.ndarray:
        """(H + 1, W + 1) float32 sums of the map's features times those of a photo, for each place of its centre."""
        height, width = self.features.held.shape
        both, first = template.spectrum, self._reach - template.before
        score = np.empty((height + 1, width + 1), np.float32)
        for top, left, spectrum in self._blocks:
            product = spectrum[0] * both[0]
            product += spectrum[1] * both[1]
            part = fft.irfft2(product, s=self._sides, overwrite_x=True)
            rows, columns = min(self._inner[0], height + 1 - top), min(self._inner[1], width + 1 - left)
            inner = part[first : first + rows, first : first + columns]
            score[top : top + rows, left : left + columns] = inner
        return score

    def _under(self, low: np.ndarray, mask: np.ndarray, row: int, column: int) -> np.ndarray:
        """Sum of a smooth quantity of the map under the photo's mask, at a coarse scale."""
        step = self._shrunk
        before = (-row) % step, (-column) % step
        padded = np.pad(mask, [(before[0], step), (before[1], step)])
        rows, columns = padded.shape[0] // step, padded.shape[1] // step
        cells = padded[: rows * step, : columns * step].reshape(rows, step, columns, step)
        kernel = np.ascontiguousarray(cells.mean(axis=(1, 3)))
        anchor = min((column + before[1]) // step, columns - 1), min((row + before[0]) // step, rows - 1)
        summed: np.ndarray = cv2.filter2D(low, cv2.CV_32F, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT)
        return summed

    def _spread_out(self, low: np.ndarray) -> np.ndarray:
        """(H + 1, W + 1): such sums for every place; a cell has that of a centre at its upper left corner."""
        height, width = self.features.held.shape
        matrix = np.array([[1, 0, self._reach], [0, 1, self._reach]]) / self._shrunk
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(low, matrix, (width + 1, height + 1), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _standardise(score: np.ndarray) -> bool:
    """Scores of one hypothesis to robust standard deviations, in place; False where no ground is compared."""
    step = max(1, (min(score.shape) - 1) // SAMPLED)
    sample = score[::step, ::step]
    sample = sample[sample > -1]
    if not len(sample):
        return False
    middle = float(np.median(sample))
    spread = max(float(np.median(np.abs(sample - middle))) * 1.4826, LEAST_SPREAD)
    outside = score <= -1
    score -= middle
    score /= spread
    score[outside] = -np.inf
    return True


def turns_and_growths(turns_deg: Sequence[float], growths: Sequence[float]) -> tuple[Hypothesis, ...]:
    """Every turn with every growth."""
    return tuple(Hypothesis(float(turn), float(growth)) for turn in turns_deg for growth in growths)


def _block_side(side: int, reach: int) -> int:
    """Side of the transforms of a map of such a side, pixels."""
    whole = int(fft.next_fast_len(side + 2 * reach, real=True))
    if whole <= max(BLOCK_PX, 4 * reach):
        return whole
    return int(fft.next_fast_len(max(BLOCK_PX * 2 // 3, 4 * reach), real=True))


def _wrapped(values: np.ndarray, row: int, column: int, sides: tuple[int, ...]) -> np.ndarray:
    """A picture in a field of zeros whose pixel (row, column) lies at (0, 0); what lies before it is at the far end."""
    field = np.zeros(sides, values.dtype)
    height, width = values.shape
    row, column = min(max(row, 0), height), min(max(column, 0), width)
    field[: height - row, : width - column] = values[row:, column:]
    if row:
        field[-row:, : width - column] = values[:row, column:]
    if column:
        field[: height - row, -column:] = values[row:, :column]
    if row and column:
        field[-row:, -column:] = values[:row, :column]
    return field


def _shrink(values: np.ndarray, step: int, pad: int) -> np.ndarray:
    """Sums of squares of `step` pixels of a picture with so many zeros around it."""
    height, width = values.shape
    rows, columns = math.ceil((height + 2 * pad) / step), math.ceil((width + 2 * pad) / step)
    padded = np.zeros((rows * step, columns * step), np.float32)
    padded[pad : pad + height, pad : pad + width] = values
    return np.ascontiguousarray(padded.reshape(rows, step, columns, step).sum(axis=(1, 3)))


@dataclass(frozen=True)
class LocalFit:
    """The best agreement of a photo with the map near a place.

    Attributes:
        east_m: of the photo's centre, to parts of a pixel.
        north_m: the same to the north.
        score: normalised correlation.
        hypothesis: heading and scale that it was reached with.
    """

    east_m: float
    north_m: float
    score: float
    hypothesis: Hypothesis


class Near:
    """A map at one scale whose surroundings of given places are compared; features are made where they are needed.

    Args:
        ground: the map.
        m_per_px: scale of comparison.
        reach_m: of photos around their centre.
    """

    def __init__(self, ground: GroundImage, m_per_px: float, reach_m: float = REACH_M) -> None:
        self.ground, self.m_per_px, self.reach_m = ground.at_scale(m_per_px), m_per_px, reach_m

    def __call__(
        self, photo: LaidPhoto, east_m: float, north_m: float, hypotheses: Sequence[Hypothesis], within_m: float
    ) -> LocalFit | None:
        """The best shift under the best hypothesis.

        Args:
            photo: laid by its assumed pose.
            east_m: of the place.
            north_m: of the place.
            hypotheses: that are tried.
            within_m: largest shift to each side.

        Returns:
            None where no ground lies, or the photo shows nothing.
        """
        laid = [photo.laid(self.m_per_px, each.turn_deg, each.growth, self.reach_m) for each in hypotheses]
        around = self._around(laid, east_m, north_m, math.ceil(within_m / self.m_per_px))
        if around is None:
            return None
        best: LocalFit | None = None
        for hypothesis, picture in zip(hypotheses, laid, strict=True):
            score = around.scores(picture)
            if score is None:
                continue
            row, column = (int(number) for number in np.unravel_index(int(score.argmax()), score.shape))
            value = float(score[row, column])
            if value <= -1 or (best is not None and value <= best.score):
                continue
            down, across = row + _parabola(score[:, column], row), column + _parabola(score[row], column)
            place = around.window.metres(np.array(around.column + across), np.array(around.row + down))
            best = LocalFit(float(place[0]), float(place[1]), value, hypothesis)
        return best

    def _around(
        self, laid: Sequence[GroundImage], east_m: float, north_m: float, shifts: int
    ) -> "_Surroundings | None":
        """As much of the map around a place as pictures of a photo need; None where no ground lies."""
        middles = [_middle(picture) for picture in laid]
        above, left = (max(1, *numbers) for numbers in zip((0, 0), *middles, strict=True))
        below = max(picture.grey.shape[0] - row for picture, (row, _) in zip(laid, middles, strict=True))
        right = max(picture.grey.shape[1] - column for picture, (_, column) in zip(laid, middles, strict=True))
        column, row = (round(number) for number in self.ground.pixel(east_m, north_m))
        corner = row - above - shifts, column - left - shifts
        window = _cut(self.ground, *corner, above + below + 2 * shifts, left + right + 2 * shifts)
        return _Surroundings(window, above, left, shifts) if window.held.any() else None


class _Surroundings:
    """A window of the map, ready for pictures of a photo that are shifted over it.

    Args:
        window: of the map.
        above: most rows of a picture above the photo's centre.
        left: most columns left of it.
        shifts: pixels that a picture may be shifted to each side.
    """

    def __init__(self, window: GroundImage, above: int, left: int, shifts: int) -> None:
        self.window, self._above, self._left, self._shifts = window, above, left, shifts
        self.row, self.column = above, left  # of the photo's centre under the first shift
        theirs = features_of(window)
        self._sides = tuple(int(fft.next_fast_len(side, real=True)) for side in theirs.held.shape)
        parts = [theirs.values.real, theirs.values.imag, np.abs(theirs.values) ** 2, theirs.held]
        self._spectrum = fft.rfft2(np.stack(parts), s=self._sides, axes=(1, 2))

    def scores(self, picture: GroundImage) -> np.ndarray | None:
        """(2 shifts + 1, 2 shifts + 1) normalised correlation, -1 where too little ground lies.

        Returns:
            None where the picture shows nothing.
        """
        own = features_of(picture)
        shown, energy = float(own.held.sum()), own.energy
        if energy <= LEAST_ENERGY * shown or shown < LEAST_PX:
            return None
        parts = np.stack([own.values.real, own.values.imag, own.held])
        both = np.conj(fft.rfft2(parts, s=self._sides, axes=(1, 2)))
        theirs = self._spectrum
        products = np.stack([theirs[0] * both[0] + theirs[1] * both[1], theirs[2] * both[2], theirs[3] * both[2]])
        row, column = _middle(picture)
        top, begin, count = self._above - row, self._left - column, 2 * self._shifts + 1
        sums = fft.irfft2(products, s=self._sides, axes=(1, 2))
        same, under, inside = sums[:, top : top + count, begin : begin + count]
        score: np.ndarray = same / np.sqrt(np.maximum(under, 1e-3) * energy)
        score[(inside < LEAST_INSIDE * shown) | (under < LEAST_UNDER * energy)] = -1
        return score


def _middle(picture: GroundImage) -> tuple[int, int]:
    """Row and column of the photo's centre in a picture of it."""
    return round(picture.north_m / picture.m_per_px), round(-picture.west_m / picture.m_per_px)


def _parabola(values: np.ndarray, at: int) -> float:
    """Where between its neighbours the highest of three values lies, from -0.5 to 0.5."""
    if not 0 < at < len(values) - 1 or min(values[at - 1], values[at + 1]) <= -1:
        return 0.0
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _cut(ground: GroundImage, row: int, column: int, rows: int, columns: int) -> GroundImage:
    """A window of a map, which may reach past it."""
    grey, held = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), bool)
    height, width = ground.grey.shape
    first, last = max(row, 0), min(row + rows, height)
    begin, end = max(column, 0), min(column + columns, width)
    if last > first and end > begin:
        grey[first - row : last - row, begin - column : end - column] = ground.grey[first:last, begin:end]
        held[first - row : last - row, begin - column : end - column] = ground.held[first:last, begin:end]
    west, north = ground.west_m + column * ground.m_per_px, ground.north_m - row * ground.m_per_px
    return GroundImage(grey, held, ground.m_per_px, west, north)
