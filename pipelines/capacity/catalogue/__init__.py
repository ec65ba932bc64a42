"""The catalogue: cards, instances, servers and what the founding documents state, each figure with its source."""
