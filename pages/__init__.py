"""The web pages: what a visitor sees of photos, tiles and maps (Gradio)."""
