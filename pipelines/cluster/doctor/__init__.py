"""Looks at a cluster, changes nothing, and says what is missing."""
