"""The results of a campaign: winners tested, exported and registered, and its record in MLflow."""
