"""Schedules of jobs on cards: planned, proven best where that can be had, and simulated."""
