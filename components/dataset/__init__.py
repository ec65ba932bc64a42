"""The dataset file: the contract that every step shares."""
