"""What a campaign comes to: winners tested, exported and registered, and its record in MLflow."""
