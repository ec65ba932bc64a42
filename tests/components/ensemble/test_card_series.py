"""Names of the series in the model card: a server refuses others by them."""

from dataclasses import replace

from components.ensemble import card
from components.preprocess.series import Span


def test_a_panels_series_are_named_and_a_single_one_is_not(basin, monkeypatch):
    spans = tuple(Span(name, 0, 1, 2, 3) for name in ("east", "west"))
    two = replace(basin.series, spans=spans)
    panel = basin.dataset.model_copy(update={"series": "station"})
    assert card.series_names(panel, two) == ("east", "west")
    assert card.series_names(basin.dataset, basin.series) == ()
    monkeypatch.setattr(card, "MAX_SERIES", 1)
    assert card.series_names(panel, two) == ()
