"""`sluice run`: a pipeline on this machine, followed from its journal to its results."""
