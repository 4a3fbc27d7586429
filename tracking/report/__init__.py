"""One page that tells what a campaign found, from MLflow's record alone: `python -m tracking.report`."""
