"""The ground of a gallery as registration needs it: grey pictures at one scale, and their points."""
