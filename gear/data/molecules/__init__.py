"""Molecules in the forms that models read."""
