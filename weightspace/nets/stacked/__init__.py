"""N nets of one architecture at once: their weights stacked, one forward pass for all."""
