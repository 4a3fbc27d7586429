"""What is asked before a campaign starts: what it takes, and which code runs it."""
