"""Everything that knows MLflow's registry and the decision log."""
