"""What to try next and where it runs: Ray Tune and Optuna over `gear`, one campaign of many studies."""
