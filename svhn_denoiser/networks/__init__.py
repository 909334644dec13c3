"""The networks, one file each; saving, loading and applying one to arrays."""
