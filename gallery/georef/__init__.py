"""Where an image lies: by a list, by its name, or by itself."""
