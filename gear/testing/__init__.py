"""For tests, of this project and of whoever writes a method: small data, and what every method must do."""
