"""The ensemble step: fits the members' weights, bands and spike probability, and exports the servable."""
