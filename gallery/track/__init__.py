"""Many photos of one flight as one track: a Bayes smoother over the gallery's tiles that bears wrong matches."""
