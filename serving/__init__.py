"""What answers callers: the local server, its clients, and forecasts from the last window of a file."""
