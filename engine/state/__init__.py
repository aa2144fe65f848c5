"""What the engine remembers: the ledger, and the status of a run."""
