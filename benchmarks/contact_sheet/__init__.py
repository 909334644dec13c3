"""Drawn house numbers beside real ones, for the eye and in numbers."""
