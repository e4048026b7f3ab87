"""The app's Blocks: no request makes this server read a file that was not uploaded to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from pages.common.fair_queue import FairQueue

NOT_UPLOADED = "This file was not uploaded here. Upload it, then ask again."
"""The one answer for every other path, so that nobody learns which paths exist."""

MALFORMED = "The request holds a value that its input cannot take. Look at the page of the API for what each one takes."


class GuardedBlocks(gr.Blocks):
    """Blocks that look at every value of a request before any component does.

    Gradio itself checks only the files that a request marks as files, and fetches those that it gives as a URL.
    """

    def queue(self, *given: Any, **options: Any) -> "GuardedBlocks":
        """As `gr.Blocks.queue`, with a queue in which visitors take turns."""
        super().queue(*given, **options)
        plain = self._queue
        self._queue = FairQueue(
            plain.live_updates,
            plain.max_thread_count,
            plain.update_intervals,
            plain.max_size,
            self,
            plain.default_concurrency_limit,
        )
        return self

    async def preprocess_data(self, block_fn, inputs, state=None, explicit_call=False):
        """As `gr.Blocks.preprocess_data`, for the values of a request.

        Raises:
            gr.Error: a file was not uploaded here, or a value is not what its component takes.
        """
        if not explicit_call and not all(is_uploaded(path) for path in paths_in(inputs)):
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        # A request of before an endpoint grew: what it does not give is as the component stands.
        inputs = [*inputs, *(each.value for each in block_fn.inputs[len(inputs) :])]
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise gr.Error(MALFORMED) from error


def questions_of(blocks: gr.Blocks, address: str) -> int:
    """How many questions of an address wait or are answered now."""
    queue = blocks._queue
    waiting = [event for each in queue.event_queue_per_concurrency_id.values() for event in each.queue]
    running = [event for events in queue.active_jobs for event in events or ()]
    clients = (event.request.client for event in (*waiting, *running))
    return sum(client is not None and client.host == address for client in clients)


def paths_in(value: Any) -> Iterator[Any]:
    """Everything that a value of a request gives as the path of a file, at any depth."""
    if isinstance(value, dict):
        if value.get("path") is not None:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from paths_in(each)


def is_uploaded(path: Any) -> bool:
    """Whether a path is that of a file in the folder of uploads, links followed. Its names cannot be guessed."""
    if not isinstance(path, str) or not Path(path).is_absolute():
        return False
    try:
        real = Path(path).resolve()
        return real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file()
    except (OSError, ValueError):  # too long, or no path at all
        return False
