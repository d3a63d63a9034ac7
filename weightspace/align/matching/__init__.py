"""How the neurons of two nets are matched: by weights, by what they give on data, and learned."""
