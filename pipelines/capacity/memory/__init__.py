"""Memory: what a workload holds by formula, by the compiler and as measured, and what fits on a card together."""
