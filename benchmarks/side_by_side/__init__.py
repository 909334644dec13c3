"""Denoisers side by side on the same noisy pictures: quality, speed, cost."""
