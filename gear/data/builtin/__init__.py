"""The built-in properties: their sources, how these vote, and the tables that come of it."""
