"""Copy a store of MLflow's to another, such as the one in the repository to a team's server."""
