"""Drone views of an orthophoto: cameras, rendering, sensor, and the pairs and datasets made of them."""
