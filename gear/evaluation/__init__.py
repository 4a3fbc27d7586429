"""How good a model is, how certain that is, whether transfer helped, and what went wrong in training."""
