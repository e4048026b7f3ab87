"""A lent GPU: passes go through the lender, and stay here when it refuses."""

import numpy as np
import torch

from mean_model.config import MeanConfig
from mean_model.embedder import Embedder
from mean_model.network import MEAN
from mean_model.zero_gpu import LentGpu
from tests.helpers.bad_files import picture


def test_passes_go_through_the_lender_until_it_refuses():
    lent, refusing = [], []

    def lend(task):
        def run(pixels):
            lent.append(pixels.shape)
            if refusing:
                raise ConnectionError("No GPU was available")
            return task(pixels)

        return run

    gpu = LentGpu(lend, (ConnectionError,), device="cpu")  # before there is a network, as at the start of a server
    torch.manual_seed(0)
    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)
    network = MEAN.from_config(config)
    with Embedder(network, config, precision="float32", device="cpu") as here:
        expected = here.embed([picture()])
    with Embedder(network, config, precision="float32", lent=gpu) as embedder:
        assert embedder.device.type == "cpu"
        assert np.array_equal(embedder.embed([picture()]), expected) and lent == [(1, 64, 64, 3)]
        refusing.append(True)
        assert np.array_equal(embedder.embed([picture()]), expected) and len(lent) == 2
