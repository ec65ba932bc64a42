"""Ingest: reads tables from files and databases, and sets aside what can't be used."""
