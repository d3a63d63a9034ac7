"""Labels of nets from their weights."""
