"""Readers, augmentation, the procedural world and the simulator of drone views."""
