"""What training does to its pictures: augmentation, weather, reading, and which pairs meet in a batch."""
