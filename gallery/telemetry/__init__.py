"""What files beside photos and videos state of how their camera looked, and where it was."""
