"""Simulate: readings of a physical basin, for demonstrations and tests."""
