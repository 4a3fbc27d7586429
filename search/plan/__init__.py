"""What a campaign is to do, and the spaces that it searches."""
