"""The queue of questions in which visitors take turns, whoever asked most."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from gradio.queueing import Event, EventQueue, Queue

MOST_WAITING_OF_ONE = 8
"""Questions of one session that wait at once; more are refused, so that no visitor fills the queue."""

REFUSED = "You have {} questions waiting already. Ask again when some are answered."


class FairQueue(Queue):
    """Gradio's queue with other turns: of those that wait, who has fewest being answered or asked comes first.

    It changes the order in which Gradio keeps its list, so that the place that Gradio tells a visitor is the true one.
    One session never holds all places: one is left for who comes next.
    """

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        """Take a question in, or refuse it. Args, returns: as `Queue.push`."""
        waiting = [event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue]
        if sum(event.session_hash == body.session_hash for event in waiting) >= MOST_WAITING_OF_ONE:
            return False, REFUSED.format(MOST_WAITING_OF_ONE), "queue_full"
        answer = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(answer[1])) if answer[0] else None
        queue = None if event is None else self.event_queue_per_concurrency_id.get(event.concurrency_id)
        if queue is not None and queue.queue:
            self._arrange(queue)
            self.broadcast_estimations(queue.concurrency_id)
        return answer

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next question to be answered, or None."""
        held: list[tuple[EventQueue, list[Event]]] = []
        for queue in self.event_queue_per_concurrency_id.values():
            if queue.queue:
                self._arrange(queue)
                full = self._that_hold_enough(queue)
                held.append((queue, [event for event in queue.queue if event.session_hash in full]))
                queue.queue = [event for event in queue.queue if event.session_hash not in full]
        try:
            return super().get_events()
        finally:
            for queue, events in held:
                queue.queue += events

    def _running(self, queue: EventQueue) -> list[Event]:
        jobs = (event for events in self.active_jobs for event in events or ())
        return [event for event in jobs if event.concurrency_id == queue.concurrency_id]

    def _arrange(self, queue: EventQueue) -> None:
        if len(queue.queue) > 1:
            queue.queue = in_turn(queue.queue, self._running(queue))

    def _that_hold_enough(self, queue: EventQueue) -> set[str]:
        if queue.concurrency_limit is None or queue.concurrency_limit < 2:
            return set()
        holding = Counter(event.session_hash for event in self._running(queue))
        return {session for session, places in holding.items() if places >= queue.concurrency_limit - 1}


def in_turn(waiting: Sequence[Event], running: Iterable[Event]) -> list[Event]:
    """Those that wait, in the order in which they are answered.

    The first question of each session comes before the second of any, and so on; among these, the first of each network
    address, so that nobody gains by opening many sessions; among these, who came first.
    """
    sessions: Counter[str] = Counter()
    addresses: Counter[str] = Counter()
    for event in running:
        sessions[event.session_hash] += 1
        addresses[_address(event)] += 1
    keys = {}
    for event in sorted(waiting, key=lambda event: event.enqueue_time):
        keys[event._id] = (sessions[event.session_hash], addresses[_address(event)], event.enqueue_time)
        sessions[event.session_hash] += 1
        addresses[_address(event)] += 1
    return sorted(waiting, key=lambda event: keys[event._id])


def _address(event: Event) -> str:
    return "" if event.request.client is None else str(event.request.client.host)
