"""What several pages show: maps, charts, components, numbers as text, and the look."""
