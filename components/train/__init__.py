"""Training of members: networks, the linear model, and the baselines that they must beat."""
