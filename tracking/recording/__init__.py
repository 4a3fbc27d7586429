"""The one writer of MLflow's record of a campaign."""
