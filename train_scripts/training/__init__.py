"""The parts of the training programs: configs, first weights, steps, checkpoints and logs."""
