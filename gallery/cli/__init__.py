"""The commands of python -m gallery, one module each: `add` says its options, `run` runs it."""
