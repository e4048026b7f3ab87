"""Making a gallery: what it is made of, how it is cut and embedded, and how its folder is put in place."""
