"""Physical design on SQL Server: partitions, indexes, references, permissions."""
