"""The vocabulary of tracing: axes that split and join, values that carry them, sites."""
