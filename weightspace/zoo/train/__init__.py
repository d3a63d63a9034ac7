"""Training one stack of nets, from their first weights to the last."""
