"""Which series a model of many may be asked for."""

import json

import pytest

from components.errors import InputError


@pytest.fixture
def panel(store):
    """`river` as a model of the stations s000 to s002."""
    folder = store.root / "river" / "1"
    dataset = folder / "dataset.yaml"
    dataset.write_text(dataset.read_text() + "series: station\n")
    card = json.loads((folder / "model_card.json").read_text())
    (folder / "model_card.json").write_text(json.dumps({**card, "series": ["s000", "s001", "s002"]}))


@pytest.mark.usefixtures("panel")
def test_series_that_the_model_does_not_know_are_refused_unless_new_ones_are_allowed(run, table):
    summary = run(table, series="")
    assert (summary.rows_written, summary.rows_refused) == (6, 14)
    assert {refusal.problem for refusal in summary.refused} == {"the model was not trained on this series"}
    summary = run(table, series="", new_series=True)
    assert (summary.rows_written, summary.rows_already_there, summary.rows_refused) == (14, 6, 0)


@pytest.mark.usefixtures("panel")
def test_a_model_of_many_series_says_itself_what_names_them(run, table):
    assert run(table, series="station").rows_written == 6
    with pytest.raises(InputError, match="says itself what its series are"):
        run(table, series="basin")
