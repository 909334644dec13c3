"""Measurements against peers and against the real world; nothing in the pipeline imports them."""
