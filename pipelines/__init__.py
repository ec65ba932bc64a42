"""Pipelines: the graphs, how they are compiled and run, and the command line."""
