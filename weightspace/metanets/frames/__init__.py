"""A batch of graphs as a metanet's layers see it: dense blocks or edge lists."""
