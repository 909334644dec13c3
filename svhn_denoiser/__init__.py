"""A denoiser for house numbers: its data, its network, its scores and its registry."""
