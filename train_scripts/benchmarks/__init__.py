"""What the product and its parts take: time, memory and bytes, as ratios in one run."""
