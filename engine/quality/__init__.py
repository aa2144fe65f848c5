"""Suites, and the gate that judges a table before it is published."""
