"""What the weight space alone decides of a graph: its nodes, its edges, and the columns of their features."""
