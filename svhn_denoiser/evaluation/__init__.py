"""Metrics, scores, classical baselines, and the suite that the stage `evaluate` runs."""
