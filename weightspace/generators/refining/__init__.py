"""Parts of a refiner: steps of descent, and what nets it can write."""
