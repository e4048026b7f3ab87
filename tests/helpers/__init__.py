"""What tests share: builders of small inputs, servers on loopback, and a browser."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project's root."""

DATA = ROOT / "tests" / "data"
"""Golden numbers."""
