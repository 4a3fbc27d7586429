"""The commands of the search: the only package that reads flags and draws tables."""
