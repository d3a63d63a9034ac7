"""Moving entries of tensors to other places: by code that is compiled from C, and by tensors."""
