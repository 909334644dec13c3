"""Fitting a network: batches, losses, optimisers, device, its state on disk, the progress line."""
