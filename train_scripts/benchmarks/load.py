"""Many clients at once: `python -m train_scripts.benchmark load PHOTO… [--url URL] [--clients N] [--seconds S]`.

Each client uploads a photo of the list, asks the running app's endpoint /localize, waits for the answer and asks again.
Told are answers a second, what was refused, how long an answer took, and how evenly the clients were served.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

PAUSE_S = 1.0
"""Before a client that was refused asks again."""

MOST_WAITING_S = 120.0
"""For any one sign of the app."""


@dataclass
class ClientRecord:
    """What one client met."""

    took_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # by the sentence

    @property
    def answers(self) -> int:
        """How many it got."""
        return len(self.took_s)


def evenness(answers: Sequence[int]) -> float:
    """Jain's index of fairness: 1 where all clients got as many answers, 1 / N where one got all. 1 for no answers."""
    squares = sum(count**2 for count in answers)
    return 1.0 if not squares else sum(answers) ** 2 / (len(answers) * squares)


def summary(records: Sequence[ClientRecord], seconds: float) -> dict[str, Any]:
    """The figures of a run. Args: records: of each client; seconds: that it took."""
    took = sorted(each for record in records for each in record.took_s)
    answers = [record.answers for record in records]
    refused = sum((record.refused for record in records), Counter[str]())  # the sum drops zeros
    return {
        "clients": len(records),
        "seconds": round(seconds, 1),
        "answers": len(took),
        "answers_per_s": round(len(took) / seconds, 2),
        "p50_s": round(median(took), 2) if took else None,
        "p95_s": round(quantiles(took, n=20)[-1], 2) if len(took) > 1 else None,
        "answers_of_a_client": {"least": min(answers), "median": median(answers), "most": max(answers)},
        "evenness": round(evenness(answers), 3),
        "refused": dict(refused.most_common()),
    }


class Client:
    """One client: a session of its own with the running app."""

    def __init__(self, web: httpx.AsyncClient, endpoint: int, defaults: Sequence[Any], session: str) -> None:
        """Args: endpoint: the number of /localize in the app's config; defaults: its values after the photo."""
        self.record = ClientRecord()
        self._web = web
        self._endpoint = endpoint
        self._defaults = defaults
        self._session = session

    async def run(self, photo: Path, at_once: int, until: float) -> None:
        """Ask until the time is over. Args: at_once: questions that it sends together."""
        try:
            sent = await self._web.post("gradio_api/upload", files={"files": (photo.name, photo.read_bytes())})
            sent.raise_for_status()
        except httpx.HTTPError as error:
            self.record.refused[type(error).__name__] += 1
            return
        while True:  # at least once, however long the upload took
            asked = {}
            try:
                for _ in range(at_once):
                    if (event := await self._ask(sent.json()[0])) is not None:
                        asked[event] = time.perf_counter()
                await self._answers(asked)
            except httpx.HTTPError as error:
                self.record.refused[type(error).__name__] += 1
            if time.perf_counter() >= until:
                return
            if not asked:
                await asyncio.sleep(PAUSE_S)

    async def _ask(self, file: str) -> str | None:
        """Send a question. Returns: its number, or None where it was refused."""
        data = [{"path": file, "meta": {"_type": "gradio.FileData"}}, *self._defaults]
        body = {"data": data, "fn_index": self._endpoint, "session_hash": self._session}
        answer = await self._web.post("gradio_api/queue/join", json=body)
        if answer.status_code == 200:
            return str(answer.json()["event_id"])
        as_json = answer.headers.get("content-type", "").startswith("application/json")
        self.record.refused[str(answer.json().get("detail") if as_json else answer.status_code)] += 1
        return None

    async def _answers(self, asked: dict[str, float]) -> None:
        """Wait for the answers. Args: asked: each question's number, and when it was sent."""
        left = dict(asked)
        if not left:
            return
        address = f"gradio_api/queue/data?session_hash={self._session}"
        async with self._web.stream("GET", address) as lines:
            async for line in lines.aiter_lines():
                message = json.loads(line[6:]) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed" and message["event_id"] in left:
                    self._note(message, time.perf_counter() - left.pop(message["event_id"]))
        # Read to its end: the app takes a stream that is closed early for a visitor who went, and drops his questions.
        self.record.refused["no answer came"] += len(left)

    def _note(self, message: dict[str, Any], took_s: float) -> None:
        output = message["output"]
        answer = output["data"][0] if message["success"] else output
        if "error" in answer:
            self.record.refused[str(answer["error"])] += 1
        else:
            self.record.took_s.append(took_s)


async def _measured(options: argparse.Namespace) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=options.url, timeout=MOST_WAITING_S, limits=limits) as web:
        config = (await web.get("config")).json()
        values = {each["id"]: each["props"].get("value") for each in config["components"]}
        endpoint = next(each for each in config["dependencies"] if each["api_name"] == "localize")
        defaults = [values[each] for each in endpoint["inputs"][1:]]
        clients = [
            Client(web, endpoint["id"], defaults, f"load-{number}-{time.time_ns()}")
            for number in range(options.clients)
        ]
        begun = time.perf_counter()
        runs = [
            client.run(
                options.photos[number % len(options.photos)],
                1 if number else options.greedy,
                begun + options.seconds,
            )
            for number, client in enumerate(clients)
        ]
        await asyncio.gather(*runs)
        measured = summary([client.record for client in clients], time.perf_counter() - begun)
    if options.greedy > 1:
        measured["answers_of_the_greedy_client"] = clients[0].record.answers
    return measured


def main(argv: list[str] | None = None) -> None:
    """Load a running app and tell how it fared, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m train_scripts.benchmark load", description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--url", default="http://127.0.0.1:7860/", help="of the running app (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=16, help="at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="for which they ask (default: %(default)s)")
    parser.add_argument("--greedy", type=int, default=1, help="questions that the first client sends together")
    print(json.dumps(asyncio.run(_measured(parser.parse_args(argv))), indent=2))


if __name__ == "__main__":
    main()
