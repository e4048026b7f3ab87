"""Where was this photo taken: the localizer, the ranking of tiles, and the answer."""
