"""Pixels with a place: rasters, mosaics, map tiles in files and of servers, and images."""
