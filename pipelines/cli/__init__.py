"""The command line `sluice`: one file for each group of commands."""
