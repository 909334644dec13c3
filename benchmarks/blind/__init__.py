"""One network for all noise beside one for each strength."""
