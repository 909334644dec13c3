"""What logging to MLflow costs a training: the same training with and without it."""
