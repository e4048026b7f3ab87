"""The page of flights: many photos or a video as one track."""
