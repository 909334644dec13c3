"""Retraining: what changed is trained, compared, registered if it is better, and reported; one entry for any CI."""
