"""The founding documents' tables, computed again and laid beside what they state."""

from pipelines.capacity.examples.run import example_names, run_example
from pipelines.capacity.examples.screen import as_json, render_comparison

__all__ = ["as_json", "example_names", "render_comparison", "run_example"]
