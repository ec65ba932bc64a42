import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.batch.ledger import Ledger
from serving.forecasts import Refusal

horizon_counts = st.integers(1, 96)


@given(horizon_counts, st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1), st.integers(0, 5))))
def test_rows_in_are_written_or_there_or_refused_whatever_comes(horizons, entries):
    ledger, series = Ledger(horizons), 0
    for given_series, share, refused in entries:
        ledger = ledger.with_written(given_series, int(share * given_series * horizons))
        ledger = ledger.with_refused((Refusal("s", "short", "wait"),) * refused)
        series += given_series + refused
    assert ledger.rows_in == series * horizons
    assert ledger.rows_in == ledger.written + ledger.already_there + ledger.refused
    assert min(ledger.written, ledger.already_there, ledger.refused) >= 0


@given(horizon_counts, st.integers(0, 50), st.integers(1, 5))
def test_more_rows_than_were_given_can_not_be_written(horizons, series, more):
    with pytest.raises(ValueError, match="rows written of"):
        Ledger(horizons).with_written(series, horizons * series + more)
