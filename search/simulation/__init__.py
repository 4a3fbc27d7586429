"""The same decisions on recorded learning curves, to compare ways to search."""
