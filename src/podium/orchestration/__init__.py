"""Everything that knows ZenML beside the steps: strict loading, caching, materializers."""
