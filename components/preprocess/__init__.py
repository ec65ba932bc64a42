"""Puts readings on a regular grid, splits them by time and cuts windows; shared by training and serving."""
