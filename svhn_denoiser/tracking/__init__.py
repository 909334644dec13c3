"""MLflow: where the store is, what a run records, and where a model comes from."""
