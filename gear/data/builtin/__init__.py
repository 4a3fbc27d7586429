"""The built-in properties: their sources, the vote across sources, and the resulting tables."""
