"""The search on a cluster's head, started and followed from elsewhere."""
