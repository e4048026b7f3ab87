"""The ground of a gallery that photos are laid on, made beside the running server where it is not there yet."""

import logging

from gallery import Localizer
from gallery.ground.sheets import ground_km2, make_ground, open_ground

log = logging.getLogger(__name__)

MOST_KM2 = 40.0
"""Square kilometres of ground that a server makes by itself: a minute or two of one core. A larger gallery is given its
ground by `python -m gallery ground`."""


def prepare_ground(localizer: Localizer) -> None:
    """Make the ground of a gallery that has none, and answer by it from then on; until then its tiles answer alone.

    Raises:
        GalleryError: the imagery is gone, or the folder cannot be written.
    """
    gallery = localizer.gallery
    if open_ground(gallery) is not None:
        return
    if ground_km2(gallery) > MOST_KM2:
        log.warning(
            "%s has no ground to lay photos on. Make it once: python -m gallery ground DIR", gallery.folder.name
        )
        return
    make_ground(gallery)
    localizer.lay_down()
