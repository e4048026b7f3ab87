"""What a stranger's raster may cost: how large are the parts that are unpacked at once, and in which ways."""

import numpy as np
import rasterio

MOST_BANDS = 16

MOST_BLOCK_BYTES = 256_000_000
"""Bytes of one tile or strip with all of its bands, which is unpacked at once."""

MOST_UNPACKED = 1_500
"""Times its own bytes that a raster may unpack to: Deflate and LZW reach 1,000 to 1,400 on one colour."""

LEAST_BYTES = 1_000_000
"""What a small file is taken to have: one colour makes it small."""

PACKED = {"", "LZW", "DEFLATE", "PACKBITS", "ZSTD", "JPEG", "YCBCR JPEG", "WEBP", "LERC", "LERC_DEFLATE", "LERC_ZSTD"}
"""Ways to pack a GeoTIFF that are unpacked in a time that their pixels bound; LZMA and JPEG XL take many times more."""


def block_excess(file: rasterio.DatasetReader) -> str | None:
    """What one part of an open raster has too much of, or None; no pixel is read."""
    packed = str(file.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "")).upper()
    if file.driver == "GTiff" and packed not in PACKED:
        return f"is packed by {packed[:20]}, which takes long to unpack"
    if file.count > MOST_BANDS:
        return f"has more than {MOST_BANDS} bands"
    if max(height * width for height, width in file.block_shapes) * file.count * sample_bytes(file) > MOST_BLOCK_BYTES:
        return f"has blocks of more than {MOST_BLOCK_BYTES / 1e6:.0f} MB"
    return None


def unpacked_excess(file: rasterio.DatasetReader, file_bytes: int) -> str | None:
    """What all of an open raster has too much of for its size on disk, or None; no pixel is read."""
    unpacked = file.width * file.height * file.count * sample_bytes(file)
    if unpacked > MOST_UNPACKED * max(file_bytes, LEAST_BYTES):
        return f"unpacks to {unpacked / 1e9:,.0f} GB, which its size cannot hold"
    return None


def sample_bytes(file: rasterio.DatasetReader) -> int:
    """Bytes of a sample, of the widest band."""
    return max(int(np.dtype(kind).itemsize) for kind in file.dtypes)
