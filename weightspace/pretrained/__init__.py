"""Everything that is learned and kept: one frozen configuration, tensors that are loaded strictly, a card."""
