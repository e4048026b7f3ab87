"""The errors that users of mean_model may meet; each message says what is wrong and what to do.

MeanModelError
├── PhotoError        a photo cannot be read
├── CheckpointError   weights cannot be read, or do not fit the network
├── HubError          the Hugging Face Hub does not give what was asked of it
└── ConfigError       settings that make no network
"""


class MeanModelError(Exception):
    """Base of every error that mean_model raises on purpose."""


class PhotoError(MeanModelError):
    """A photo that cannot be read."""


class CheckpointError(MeanModelError):
    """Weights that cannot be read, or do not fit the network."""


class HubError(MeanModelError):
    """What the Hugging Face Hub does not give: no network, no such repository, no access, no space."""


class ConfigError(MeanModelError):
    """Settings that make no network, or arguments that contradict each other."""
