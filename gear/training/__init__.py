"""One training loop for every method, with its batches, averaged weights, checkpoints and validation folds."""
