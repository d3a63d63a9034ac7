"""Weights made comparable before a metanet reads them."""
