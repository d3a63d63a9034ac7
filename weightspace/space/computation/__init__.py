"""What a module computes: as a graph without hidden state, and as outputs in float64 on several inputs."""
