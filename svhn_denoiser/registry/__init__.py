"""Versions of the model, the gate, the champion and its command."""
