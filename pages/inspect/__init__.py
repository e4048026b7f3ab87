"""The page that shows why retrieval fails."""
