"""Warehouses: one folder each, behind one protocol."""
