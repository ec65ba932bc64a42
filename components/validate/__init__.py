"""Judges a candidate on the test part: metrics, the gate, and a report."""
