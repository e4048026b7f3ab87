"""A search that nobody waits for any more ends early.

Whoever asks says with `stoppable` when to end; the long loops of the search look with `stop_if_asked`. It holds for the
thread that asks, so that others who ask the same gallery meanwhile are not stopped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gallery.errors import Interrupted

_stopped: ContextVar[Callable[[], bool] | None] = ContextVar("stopped", default=None)


@contextmanager
def stoppable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Within it, searches end with `Interrupted` soon after a question is answered by yes.

    Args: stopped: whether to end now; asked often, so it has to be quick.
    """
    token = _stopped.set(stopped)
    try:
        yield
    finally:
        _stopped.reset(token)


def can_be_stopped() -> bool:
    """Whether anybody may want this to end early."""
    return _stopped.get() is not None


def stop_if_asked() -> None:
    """End here if whoever asked wants no answer any more.

    Raises:
        Interrupted: so it is.
    """
    stopped = _stopped.get()
    if stopped is not None and stopped():
        raise Interrupted("Stopped.")
