"""What a metanet has to beat."""
