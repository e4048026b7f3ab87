"""MEAN: photo in, unit vector out. Names load on first use, so that importing the package costs no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint import load_model as load_model
    from .checkpoint import save_model as save_model
    from .config import MeanConfig as MeanConfig
    from .embedder import Embedder as Embedder
    from .errors import CheckpointError as CheckpointError
    from .errors import ConfigError as ConfigError
    from .errors import HubError as HubError
    from .errors import MeanModelError as MeanModelError
    from .errors import PhotoError as PhotoError
    from .network import MEAN as MEAN
    from .photo import Photo as Photo
    from .photo import load_photo as load_photo
    from .photo_metadata import PhotoPosition as PhotoPosition

_HOME = {
    "load_model": "checkpoint",
    "save_model": "checkpoint",
    "Embedder": "embedder",
    "MeanConfig": "config",
    "CheckpointError": "errors",
    "ConfigError": "errors",
    "HubError": "errors",
    "MeanModelError": "errors",
    "PhotoError": "errors",
    "MEAN": "network",
    "Photo": "photo",
    "PhotoPosition": "photo_metadata",
    "load_photo": "photo",
}
"""The module that each public name lives in."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
