"""How often `svhn-denoiser drift` is wrong, and what it sees."""
