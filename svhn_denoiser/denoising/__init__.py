"""Denoise people's own pictures: files, tiles, the command."""
