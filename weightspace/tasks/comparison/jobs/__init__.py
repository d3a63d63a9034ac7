"""One method with one seed on one question, run once and kept: which there are, and how each is run."""
