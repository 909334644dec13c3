"""MLflow: where the store is, what is recorded of a run, and where a model comes from."""
