"""People's own pictures: files, tiles, the command."""
