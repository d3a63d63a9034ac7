"""What low-rank adapters tell: their task, how good they are, whether they are poisoned, whether two merge."""
