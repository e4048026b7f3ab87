"""Which training places are hard to tell apart: nearest by GPS, or by what the network makes of them now."""

from __future__ import annotations

import copy

import numpy as np

from mean_model.embedder import Embedder, WeightsFacts
from train_scripts.data.loading.sampler import nearest_by_position, nearest_by_similarity
from train_scripts.data.readers.dataset import Dataset, by_place, read_picture
from train_scripts.errors import MissingPart
from train_scripts.training.checkpoint import PlacesRun


def neighbours_of(run: PlacesRun, data: Dataset) -> np.ndarray:
    """(places, N) labels of the neighbours of each training place, the nearest first.

    By similarity a drone picture of each place, drawn anew each epoch, asks the satellite pictures of all.

    Raises:
        MissingPart: neighbours are asked for by GPS and a place has no position.
    """
    config = run.config
    satellite = by_place(data.train, "satellite")
    if config.sampling == "gps":
        positions = [satellite[place][0].position for place in data.classes]
        known = [(one.lon, one.lat) for one in positions if one is not None]
        if len(known) < len(positions):
            raise MissingPart(
                f'{len(positions) - len(known)} training places have no position, which sampling = "gps" needs: add '
                'the file of positions to the dataset, or set sampling = "similarity".'
            )
        return nearest_by_position(np.array(known), config.neighbour_range)
    drone = by_place(data.train, "drone")
    random = np.random.default_rng((config.seed, run.epoch))
    asking = [drone[place][int(random.integers(len(drone[place])))] for place in data.classes]
    facts = WeightsFacts("the network in training", "none")
    network = copy.deepcopy(run.network)
    with Embedder(network, config.embeds, facts, device=run.mine.device, precision="float32") as embedder:
        vectors = [
            embedder.embed(read_picture(one, config.embeds.image_size) for one in pictures)
            for pictures in (asking, [satellite[place][0] for place in data.classes])
        ]
    return nearest_by_similarity(vectors[0], vectors[1], config.neighbour_range)
