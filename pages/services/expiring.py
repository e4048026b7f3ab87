"""What one page keeps on the server for another: pages of Gradio share no state, so that a link carries a name."""

import secrets
import threading
import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class ExpiringStore(Generic[T]):
    """A few values for a limited time, each under a name that nobody can guess."""

    def __init__(self, most: int = 64, for_s: float = 3600.0) -> None:
        """Args: most: the oldest goes when there are more. for_s: seconds until a value is forgotten."""
        self._most = most
        self._for_s = for_s
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._kept: dict[str, T] = {}
        self._lock = threading.Lock()

    def put(self, value: T) -> str:
        """Keep a value. Returns: its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._values[name] = (time.monotonic(), value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return name

    def keep(self, value: T) -> str:
        """Keep a value as long as the server runs: one that every visitor is shown. Returns: its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = value
        return name

    def get(self, name: str) -> T | None:
        """The value of that name, or None when there is none or it is too old."""
        with self._lock:
            if name in self._kept:
                return self._kept[name]
            since, value = self._values.get(name, (0.0, None))
            if value is not None and time.monotonic() - since > self._for_s:
                del self._values[name]
                return None
        return value
