"""What everything else stands on: errors, T-SQL types, tables."""
