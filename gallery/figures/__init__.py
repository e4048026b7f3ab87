"""Figures as matplotlib draws them: embeddings, models, and sheets of pictures."""
