"""A user's own tables, read and written."""
