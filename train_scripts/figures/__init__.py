"""Figures drawn from reports and files of embeddings."""
