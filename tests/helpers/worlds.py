"""Worlds that look like coloured blocks, packed as training reads them."""

from pathlib import Path

import numpy as np

from train_scripts.data.pack import write_npz


def pack_blocks(file: Path, seed: int, blocks: int, block_px: int, days: int = 1) -> Path:
    """Flat ground of `blocks` squares a side, two metres a pixel, the second day darker. Returns: its folder."""
    coarse = np.random.default_rng(seed).integers(20, 235, (blocks, blocks, 3), dtype=np.uint8)
    rgb = np.kron(coarse, np.ones((block_px, block_px, 1), np.uint8))
    suns = [[0, 0, 1], [0.5, 0, 0.8]][:days]
    file.parent.mkdir(exist_ok=True)
    arrays = {
        "rgb": np.stack([rgb, (rgb * 0.8).astype(np.uint8)][:days]),
        "height": np.zeros(rgb.shape[:2], np.float16),
        "wall": np.full_like(rgb, 200),
        "suns": np.array(suns, np.float32),
        "meta": np.array(f'{{"size_m": {2 * len(rgb)}, "gsd_m": 2.0}}'),
    }
    write_npz(file, arrays)
    return file.parent
