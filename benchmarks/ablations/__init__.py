"""Trainings that the documentation's figures come from: the default, one thing changed, other networks."""
