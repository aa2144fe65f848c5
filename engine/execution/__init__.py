"""Loads: build, judge, publish, replay and prune."""
