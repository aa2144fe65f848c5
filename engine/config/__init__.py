"""pipelines.yaml to validated models with line numbers."""
