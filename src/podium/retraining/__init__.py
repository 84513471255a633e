"""When a model is trained again: what has changed, what was done, and its history."""
