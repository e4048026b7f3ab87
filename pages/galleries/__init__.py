"""The page of galleries: what there is to choose, and a visitor's own."""
