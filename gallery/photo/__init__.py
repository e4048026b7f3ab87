"""How a query's camera looked: its pose, the photo brought to the ground plane, and the pictures that are searched."""
