"""The whole toolkit once: a zoo, a metanet, its baselines, a table."""
