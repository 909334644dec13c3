"""The stages of dvc.yaml, one file each: `python -m stages.NAME` in the repository's root."""
