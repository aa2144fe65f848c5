"""The project as a whole, bound: the manifest, what is selected, what is stale."""
