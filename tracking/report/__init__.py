"""One page on what campaigns found, made only from what MLflow recorded: `python -m tracking.report`."""
