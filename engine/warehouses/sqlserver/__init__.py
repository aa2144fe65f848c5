"""SQL Server as warehouse."""
