"""Changed weights, so that an implicit net shows something else."""
