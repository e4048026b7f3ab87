"""Published datasets and folders of one's own, read as places with pictures."""
