"""Who is in which part: the names of splits, how they are made, and noise on labels."""
