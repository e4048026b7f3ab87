"""The procedural world: a scene by its seed, and any window of it as pixels at any resolution."""
