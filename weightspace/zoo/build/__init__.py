"""Building many stacks: shards, workers, and closing the zoo."""
