"""The procedural world: build a scene by seed, rasterise any window of it at any resolution."""

from train_scripts.data.layout import build_scene, random_style
from train_scripts.data.rasterise import Layers, Window, rasterise, rasterise_region, region_windows
from train_scripts.data.scene import Scene, Style
from train_scripts.data.shading import SEASONS, Appearance, random_appearance

__all__ = [
    "SEASONS",
    "Appearance",
    "Layers",
    "Scene",
    "Style",
    "Window",
    "build_scene",
    "random_appearance",
    "random_style",
    "rasterise",
    "rasterise_region",
    "region_windows",
]
