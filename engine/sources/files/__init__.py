"""Files as sources: delimited text and JSON."""
