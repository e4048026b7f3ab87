"""A gallery as a folder on disk: its manifest and table, what is wrong with it, and how healthy it is."""
