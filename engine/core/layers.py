"""The layers of the warehouse, each a schema, and who works in them. Nothing else in the engine lists them."""

from __future__ import annotations

LAYERS = ("bronze", "silver", "gold")
"""In the order in which they are built."""
LANDING = "bronze"
"""Where sources are loaded; the login that loads needs rights here only."""
TRANSFORMED = ("silver", "gold")
"""What SELECTs build."""
SERVING = "gold"
"""What analysts and dashboards read."""

TABLE_NAME = rf"({'|'.join(LAYERS)})\.[a-z_][a-z0-9_]*"
"""The pattern of a table's full name."""
