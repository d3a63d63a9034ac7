"""The parts of training that are compiled from C, each beside its source."""
