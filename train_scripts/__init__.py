"""Programs that train, evaluate, make the sample, convert and publish."""
