"""Workers that read pictures outlive a request to end, which the trainer answers."""

import os
import signal
from multiprocessing import get_context

import pytest

from train_scripts.data.training.pictures import deaf


def _asked_to_end() -> None:
    deaf(0)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    os._exit(7)


@pytest.mark.process
def test_a_loaders_worker_outlives_a_request_to_end() -> None:
    worker = get_context("fork").Process(target=_asked_to_end)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 7
