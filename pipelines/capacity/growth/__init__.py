"""What if there were many stations: how many cards they need."""

from pipelines.capacity.growth.screen import as_json, render_growth
from pipelines.capacity.growth.stations import COUNTS, Growth, GrowthPoint, stations

__all__ = ["COUNTS", "Growth", "GrowthPoint", "as_json", "render_growth", "stations"]
