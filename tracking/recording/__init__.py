"""Writes the record of a campaign to MLflow; nothing else does."""
