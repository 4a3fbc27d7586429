"""Launching a campaign: checks and preparation, the run itself, its result, and what it would take."""
