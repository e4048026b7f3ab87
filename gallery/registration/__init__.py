"""Where on the ground a photo lies: points that vote, gradients that correlate, one likelihood, and a fine fit."""
