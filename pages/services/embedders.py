"""The models of several galleries, each loaded once."""

import threading
from collections.abc import Callable
from typing import Any


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
