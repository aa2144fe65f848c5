"""A bound T-SQL SELECT as DuckDB SQL of the same meaning."""
