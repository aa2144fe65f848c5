"""A SQL Server medallion warehouse from one declarative file."""

__version__ = "0.1.0"
