"""Retraining: train what changed, compare it, promote it if it is better, and report. Any CI can call it."""
