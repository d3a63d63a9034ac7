"""Parts of a hypernetwork: what it adds to weights."""
