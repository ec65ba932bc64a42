"""Rolling-origin cross-validation: each fold trains on the rows before its block and forecasts the block."""
