"""Files of image collections: where they come from, whether they are whole, and how they are read."""
