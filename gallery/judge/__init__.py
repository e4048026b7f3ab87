"""How far to believe an answer: local features and geometry, agreement, evidence, calibration, and the verdict."""
