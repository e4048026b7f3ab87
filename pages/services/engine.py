"""Models and galleries, loaded beside the running server: no page waits for the imports of torch and timm."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from gallery import Localizer
from pages.errors import SPOKEN, NotReady, sentence

log = logging.getLogger(__name__)


class Engine:
    """A localizer that becomes ready in its own thread."""

    def __init__(self, load: Callable[[], Localizer]) -> None:
        """Args: load: imports what it needs, opens gallery and weights; its spoken errors become the page's message."""
        self._load = load
        self._then: list[Callable[[Localizer], None]] = []
        self._later: list[Callable[[Localizer], None]] = []
        self._done = threading.Event()
        self._settled = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._localizer: Localizer | None = None
        self._problem: str | None = None

    @property
    def ready(self) -> bool:
        """Whether a question is answered at once."""
        return self._localizer is not None

    @property
    def problem(self) -> str | None:
        """Why there will be no answer, or None."""
        return self._problem

    def then(self, *steps: Callable[[Localizer], None]) -> None:
        """Run these in the loading thread once questions can be answered."""
        self._then += steps

    def later(self, *steps: Callable[[Localizer], None]) -> None:
        """Run these in the loading thread after all of `then`; nobody waits for them."""
        self._later += steps

    def start(self) -> None:
        """Begin loading, once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
                self._thread.start()

    def wait(self, timeout_s: float = 300.0) -> Localizer:
        """The localizer, as soon as it is there.

        Raises:
            NotReady: it cannot be loaded, or not in time.
        """
        self.start()
        if not self._done.wait(timeout_s):
            raise NotReady("The model is still being loaded. Please ask again in a moment.")
        if self._localizer is None:
            raise NotReady(self._problem or "The model could not be loaded. The server's log says why.")
        return self._localizer

    def settle(self, timeout_s: float = 60.0) -> bool:
        """Wait until the steps given to `then` are done too. Returns: whether they are."""
        self.start()
        return self._settled.wait(timeout_s)

    def _run(self) -> None:
        try:
            self._load_once()
            if self._localizer is not None:
                _run_all(self._then, self._localizer)
        finally:
            self._settled.set()
        if self._localizer is not None:
            _run_all(self._later, self._localizer)

    def _load_once(self) -> None:
        try:
            self._localizer = self._load()
        except SPOKEN as error:
            self._problem = sentence(error)
            log.error("Not ready: %s", error)
        finally:
            self._done.set()


def _run_all(steps: Sequence[Callable[[Localizer], None]], localizer: Localizer) -> None:
    for step in steps:
        try:
            step(localizer)
        except SPOKEN as error:
            log.warning("%s", error)


class Embedders:
    """What was loaded so far, by the name of its weights."""

    def __init__(self, load: Callable[[str], Any]) -> None:
        """Args: load: makes an embedder of what `mean_model.load_model` takes."""
        self._load = load
        self._loaded: dict[str, Any] = {}
        self._lock = threading.Lock()

    def get(self, source: str, fingerprint: str) -> Any:
        """The embedder of that fingerprint if one is there, whatever it is called; else what the source names.

        Raises: what `load` raises.
        """
        with self._lock:
            for embedder in self._loaded.values():
                if embedder.fingerprint == fingerprint:
                    return embedder
            if source not in self._loaded:
                self._loaded[source] = self._load(source)
            return self._loaded[source]
