"""What happens between a photo and what the page shows of its answer; knows no Gradio."""

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from PIL import Image

from gallery import Answer, Gallery, Localizer, Near
from gallery.constants import SAMPLE
from gallery.embedder import Photo
from gallery.errors import Interrupted
from gallery.geo import LonLat, wrap_lon
from gallery.interruption import stoppable
from gallery.judge.geometry import PICTURE_PX
from gallery.judge.overlay import Overlay, overlay_of
from gallery.paths import printable
from gallery.photo.belief import Belief, beliefs_of
from gallery.search.answer import PhotoProblem, taken_outside
from gallery.store.health import coverage, ground_area_m2, square
from mean_model import PhotoError, load_photo
from pages.common import formatting, maps
from pages.common.answer_map import TILE_PX, answer_map, photos_map
from pages.common.ground_image import ground_picture
from pages.errors import BadQuestion
from pages.services.engine import Engine
from pages.services.kept import AnswerStore, FreshPhoto, FreshPhotos, Packed, without_canvas
from pages.services.question import PhotoQuestion, area_of
from pages.services.remembered import KnownPhotos, Remembered

MOST_PHOTOS = 200
MOST_MATCHES = 20  # on the page
MOST_ASKED = 1000  # through the web API
MOST_OUTLINES = 20_000  # footprints of a gallery drawn on the first map
MOST_EXAMPLES = 16
MOST_REMEMBERED = 48  # answers to examples, some 2 MB each
THUMBNAIL_PX = 240
KEPT_PX = 1280
KEPT_OF_MANY_PX = 720
NOT_COUNTED = "What you set of the camera counts only where the photo is turned by its stated pose (Search settings)."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerView:
    """One photo's answer with all that the page draws of it."""

    answer: Answer
    seen: Image.Image  # the square that the network sees
    pictures: tuple[Image.Image, ...]  # of the matched tiles, best first
    map_page: str
    stored_as: str  # the name under which the inspect page finds it
    overlay: Overlay | None  # of photo and ground, where geometry found a fit
    question: PhotoQuestion
    picture: Image.Image  # the photo, small
    stated: tuple[Belief, ...] = ()  # what the photo's file says of its camera
    source: Path | None = None  # the upload


@dataclass(frozen=True)
class PhotosView:
    """Several photos' answers on one map."""

    results: tuple[Answer | PhotoProblem, ...]
    pictures: tuple[Image.Image | None, ...]  # of each result's best tile
    map_page: str
    timings: dict[str, float]  # stage -> seconds, of all photos together
    stored_as: str  # the name under which all of them are kept
    asked: int  # photos that were given; more than there are results where the visitor stopped
    question: PhotoQuestion

    @property
    def placed(self) -> tuple[Answer, ...]:
        """Those that have a best tile; the n-th one has the number n on the map."""
        return tuple(result for result in self.results if isinstance(result, Answer) and result.matches)


class LocateService:
    """Takes questions for one engine and keeps what every visitor is shown."""

    def __init__(self, engine: Engine, offered: Sequence[Path] = (), store: AnswerStore | None = None) -> None:
        """Prepare the page's first sight for when the engine is ready.

        Args:
            offered: example photos; those that cannot be read are left out.
            store: where answers are kept to be shown again; several services may share it.
        """
        self.engine = engine
        self.offered = tuple(offered)
        self.ground: maps.GroundImage | None = None
        self.first: AnswerView | None = None
        self.store = AnswerStore() if store is None else store
        self._known = KnownPhotos(offered)
        self._views: Remembered[tuple[AnswerView, FreshPhoto]] = Remembered(MOST_REMEMBERED)
        self._answers: Remembered[Answer] = Remembered(MOST_REMEMBERED)
        engine.then(self._draw_ground, self._answer_first)

    @cached_property
    def _pictured(self) -> list[tuple[Path, Image.Image]]:
        return _pictured(self.offered)

    @property
    def examples(self) -> tuple[Path, ...]:
        """The example photos."""
        return tuple(path for path, _ in self._pictured)

    @property
    def thumbnails(self) -> tuple[Image.Image, ...]:
        """A small picture of each example."""
        return tuple(thumbnail for _, thumbnail in self._pictured)

    def ask(
        self, source: object, question: PhotoQuestion, *, keep: bool = False, stopped: Callable[[], bool] = bool
    ) -> AnswerView:
        """Answer one photo.

        Args:
            source: what `mean_model.load_photo` takes.
            keep: let its answer be shown again as long as the server runs.
            stopped: whether nobody waits for it any more; asked often.

        The answer to an example is made once for all visitors.

        Raises:
            Interrupted: it was stopped.
            NotReady, BadQuestion, PhotoError, GalleryError: each with a sentence for the visitor.
        """
        known = self._known_as(source, question)
        make = partial(self._drawn, source, question, stopped)
        view, fresh = make() if known is None else self._shared(known, make, stopped)
        return replace(view, stored_as=self.store.put(fresh, keep=keep))

    def _shared(
        self,
        known: Hashable,
        make: Callable[[], tuple[AnswerView, FreshPhoto]],
        stopped: Callable[[], bool],
    ) -> tuple[AnswerView, FreshPhoto]:
        """The answer to an example, made by whoever asks first; where that one is stopped, by the next."""
        while True:
            try:
                return self._views.get(known, make)
            except Interrupted:
                if stopped():
                    raise

    def _drawn(
        self, source: object, question: PhotoQuestion, stopped: Callable[[], bool]
    ) -> tuple[AnswerView, FreshPhoto]:
        """An answer with all that the page draws of it, and what is kept of it; not yet stored."""
        with stoppable(stopped):
            answer, photo, near = self._locate(source, question)
        fresh = self._fresh(answer, photo, near, question, KEPT_PX, source)
        return self._view(fresh, "", answer.seen), fresh

    def view(self, fresh: FreshPhoto, stored_as: str) -> AnswerView:
        """An answer of this service that was kept, as the page draws it.

        Raises:
            NotReady, GalleryError: the gallery cannot be read any more.
        """
        return self._view(fresh, stored_as, None if fresh.searched is None else fresh.searched.open())

    def _view(self, fresh: FreshPhoto, stored_as: str, seen: Any) -> AnswerView:
        gallery, embedder = self._parts()
        begun, answer, question = time.perf_counter(), fresh.answer, fresh.question
        pictures = tuple(gallery.image(match.tile, max_px=TILE_PX) for match in answer.matches)
        heats = () if fresh.said is None else fresh.said.heats
        page = answer_map(answer, pictures, fresh.near, fresh.camera, heats, self.backdrop(question.basemap))
        picture = fresh.picture
        overlay = None if answer.fit is None else overlay_of(picture, answer.fit, gallery)
        answer = replace(answer, timings={**answer.timings, "draw": time.perf_counter() - begun})
        seen = embedder.seen(seen)
        return AnswerView(
            answer, seen, pictures, page, stored_as, overlay, question, picture, fresh.stated, fresh.source
        )

    def _fresh(
        self, answer: Answer, photo: Any, near: Near | None, question: PhotoQuestion, most_px: int, source: object
    ) -> FreshPhoto:
        light, said = without_canvas(answer)
        searched = getattr(answer.seen, "image", answer.seen)  # a photo whose views are not turned is itself searched
        return FreshPhoto(
            light,
            Packed.of(photo.image, most_px),
            None if searched is None else Packed.of(searched, PICTURE_PX),
            self.engine,
            question,
            near,
            camera_of(photo),
            tuple(beliefs_of(photo)),
            said,
            self.ground,
            Path(source) if isinstance(source, str | Path) else None,
        )

    def locate(self, source: object, question: PhotoQuestion) -> Answer:
        """`ask` without the drawing."""
        known = self._known_as(source, question)
        if known is None:
            return self._locate(source, question)[0]
        return self._answers.get(known, lambda: self._locate(source, question)[0])

    def _known_as(self, source: object, question: PhotoQuestion) -> Hashable:
        """What the answer to an example hangs on; None for other photos, which nothing is kept of."""
        example = self._known.name_of(source)
        return None if example is None else (example, question, self.engine.wait().on_ground, self.ground is None)

    def _locate(self, source: object, question: PhotoQuestion) -> tuple[Answer, Any, Near | None]:
        if not 1 <= question.k <= MOST_ASKED:
            raise BadQuestion(f"k is {question.k}, but 1 to {MOST_ASKED} tiles can be asked for.")
        localizer = self.engine.wait()
        begun = time.perf_counter()
        photo = localizer.embedder.read(source, PICTURE_PX)
        read_s = time.perf_counter() - begun
        near, notes = area_of(question, photo.position)
        answer = localizer.localize(photo, k=question.k, near=near, options=question.options)
        if question.turn != "heading" and not question.correction.empty:
            notes = (*notes, NOT_COUNTED)
        notes = (*photo.notes, *notes, *taken_outside(localizer.gallery, answer), *answer.notes)
        notes = tuple(dict.fromkeys(notes))  # the answer may already carry those of the photo
        return replace(answer, notes=notes, timings={**answer.timings, "read": read_s}), photo, near

    def _parts(self) -> tuple[Gallery, Any]:
        localizer = self.engine.wait()
        return localizer.gallery, localizer.embedder

    def ask_many(
        self,
        sources: Sequence[object],
        question: PhotoQuestion,
        progress: Callable[[int, int], None] | None = None,
        stopped: Callable[[], bool] = bool,
    ) -> PhotosView:
        """Answer several photos; one that cannot be read does not stop the others.

        Args:
            progress: is told how many are answered, and of how many, before the first and after each one.
            stopped: whether to leave out the photos that are not answered yet; asked often.

        Raises:
            Interrupted: it was stopped before the first answer.
            NotReady, BadQuestion, GalleryError: each with a sentence for the visitor.
        """
        if not sources:
            raise BadQuestion("Choose one photo or more.")
        if len(sources) > MOST_PHOTOS:
            raise BadQuestion(f"These are {len(sources)} photos; {MOST_PHOTOS} at once are possible.")
        if question.where == "exif":
            raise BadQuestion("Several photos have several positions: search the whole gallery, or around one point.")
        self.engine.wait()
        area_of(question, None)
        results: list[FreshPhoto | PhotoProblem] = []
        for source in sources:
            if progress is not None:
                progress(len(results), len(sources))
            try:
                with stoppable(stopped):
                    answer, photo, near = self._locate(source, question)
                results.append(self._fresh(answer, photo, near, question, KEPT_OF_MANY_PX, source))
            except Interrupted:
                if not results:
                    raise
                break
            except PhotoError as error:
                results.append(PhotoProblem(_name(source), str(error)))
        if progress is not None:
            progress(len(results), len(sources))
        photos = FreshPhotos(tuple(results), question, self.engine, len(sources))
        return self.view_many(photos, self.store.put_set(photos))

    def view_many(self, photos: FreshPhotos, stored_as: str) -> PhotosView:
        """Answers of this service that were kept, as the page draws them.

        Raises:
            NotReady, GalleryError: the gallery cannot be read any more.
        """
        gallery, _ = self._parts()
        begun = time.perf_counter()
        results = tuple(each if isinstance(each, PhotoProblem) else each.answer for each in photos.results)
        near, _ = area_of(photos.question, None)
        pictures = tuple(_best_picture(gallery, result) for result in results)
        page = photos_map(results, pictures, near, self.backdrop(photos.question.basemap))
        timings = {**_summed(results), "draw": time.perf_counter() - begun}
        return PhotosView(results, pictures, page, timings, stored_as, photos.asked, photos.question)

    def first_map(self) -> str:
        """The map before any question: where the gallery is."""
        gallery = self.engine.wait().gallery
        if not 0 < len(gallery) <= MOST_OUTLINES:
            return maps.draw_map(backdrop=self.backdrop(False), drawable=True)
        backdrop = maps.Backdrop(self.ground, None if self.ground else gallery.boxes)
        return maps.draw_map(backdrop=backdrop, frame=_extent(gallery), drawable=True)

    def backdrop(self, basemap: bool) -> maps.Backdrop:
        """What lies under the maps of this gallery. Args: basemap: whether streets are wanted."""
        return maps.Backdrop(self.ground, basemap=basemap)

    def status(self) -> str:
        """What answers here, in one line."""
        localizer = self.engine.wait()
        name = localizer.embedder.name or "model"
        return f"{name} · {formatting.count(len(localizer.gallery), 'tile')}"

    @cached_property
    def region(self) -> str:
        """What ground can be found here, for who comes with a photo of another place."""
        gallery, middle = self.engine.wait().gallery, self.middle()
        around = f"around {formatting.coordinates(middle.lon, middle.lat)}"
        if 0 < len(gallery) <= MOST_OUTLINES:
            around = f"{square(ground_area_m2(coverage(gallery)))} {around}"
        what = (
            "Demo region, an invented place" if gallery.folder.resolve() == SAMPLE else f"Ground {gallery.folder.name}"
        )
        return f"{what}: {around}. Photos of other places cannot be found here; add your own ground under Galleries."

    def middle(self) -> LonLat:
        """The middle of the gallery, to five decimals: where a search near a point begins."""
        gallery = self.engine.wait().gallery
        if not len(gallery):
            return LonLat(0, 0)
        west, south, east, north = _extent(gallery)
        return LonLat(round(wrap_lon((west + east) / 2), 5), round((south + north) / 2, 5))

    def _draw_ground(self, localizer: Localizer) -> None:
        self.ground = ground_picture(localizer.gallery)

    def _answer_first(self, localizer: Localizer) -> None:
        if self.examples:
            self.first = self.ask(self.examples[0], PhotoQuestion(), keep=True)


def _extent(gallery: Gallery) -> maps.Box:
    """The box around all tiles of a gallery that has some."""
    west, south = gallery.boxes[:, :2].min(axis=0)
    east, north = gallery.boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def camera_of(photo: Photo) -> maps.Camera | None:
    """Where a photo's position puts its camera."""
    if photo.position is None:
        return None
    heading_deg = None if photo.pose is None else photo.pose.heading_deg
    return maps.Camera(photo.position.lon, photo.position.lat, heading_deg)


def _best_picture(gallery: Gallery, result: Answer | PhotoProblem) -> Image.Image | None:
    if not isinstance(result, Answer) or not result.matches:
        return None
    return gallery.image(result.matches[0].tile, max_px=TILE_PX)


def _name(source: object) -> str:
    """What to call a photo that could not be read."""
    return (printable(Path(source).name) if isinstance(source, str | Path) else "") or "photo"


def _pictured(paths: Sequence[Path]) -> list[tuple[Path, Image.Image]]:
    """The first photos that can be read, with a small picture of each."""
    pictured = []
    for path in paths:
        try:
            image = load_photo(path, target_px=THUMBNAIL_PX // 2).image
        except PhotoError as error:
            log.warning("An example is left out: %s", error)
            continue
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        pictured.append((path, image))
        if len(pictured) == MOST_EXAMPLES:
            break
    return pictured


def _summed(results: Sequence[Answer | PhotoProblem]) -> dict[str, float]:
    """Seconds of each stage over all answers."""
    total: dict[str, float] = {}
    for result in results:
        if isinstance(result, Answer):
            for stage, seconds in result.timings.items():
                total[stage] = total.get(stage, 0.0) + seconds
    return total
