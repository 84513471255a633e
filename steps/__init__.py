"""Steps: thin adapters between ZenML and the functions of podium."""
