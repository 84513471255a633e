"""The review desk: reviews as web pages. It calls the registry's functions, and knows no MLflow and no ZenML."""
