"""What may be done to neurons beyond permuting them, read off the steps of a traced computation."""
