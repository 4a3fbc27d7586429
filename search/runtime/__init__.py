"""Where trials run: the only package that knows Ray."""
