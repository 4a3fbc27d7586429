"""How good a model is, how sure that is, and what went wrong in its training."""
