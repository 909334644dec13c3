"""Drift: do these pictures look like those the model was trained for?"""
