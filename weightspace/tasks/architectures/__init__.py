"""Architectures as vectors, learned from what they do before they are trained; prediction and search with them."""

from weightspace.tasks.architectures.contrastive import ContrastiveConfig, embed_architectures
from weightspace.tasks.architectures.jacobians import jacobian_rows, spectrum
from weightspace.tasks.architectures.search import predict_held_out, search

__all__ = ["ContrastiveConfig", "embed_architectures", "jacobian_rows", "predict_held_out", "search", "spectrum"]
