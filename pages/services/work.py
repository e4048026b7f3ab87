"""What is being answered for each visitor, so that it can be stopped."""

import threading


class Work:
    """One question that is being answered. Attributes: dropped: its visitor wants to hear no more of it."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self.dropped = False

    def stop(self, *, drop: bool = False) -> None:
        """End it soon. Args: drop: and say nothing of it."""
        self.dropped = self.dropped or drop
        self._stopped.set()

    def stopped(self) -> bool:
        """Whether it is to end."""
        return self._stopped.is_set()


class Works:
    """The question that each visitor asked last."""

    def __init__(self) -> None:
        self._last: dict[str, Work] = {}
        self._lock = threading.Lock()

    def begin(self, session: str) -> Work:
        """A visitor's new question; the one before it is dropped."""
        work = Work()
        with self._lock:
            before, self._last[session] = self._last.get(session), work
        if before is not None:
            before.stop(drop=True)
        return work

    def stop(self, session: str, *, drop: bool = False) -> None:
        """End what a visitor waits for, if there is anything. Args: drop: as for `Work.stop`."""
        with self._lock:
            work = self._last.get(session)
        if work is not None:
            work.stop(drop=drop)

    def end(self, session: str, work: Work) -> None:
        """Forget a question that was answered."""
        with self._lock:
            if self._last.get(session) is work:
                del self._last[session]
