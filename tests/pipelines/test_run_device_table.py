from __future__ import annotations

from typing import Any

from rich.console import Console

from pipelines.run.device_table import cut_line, device_facts, device_table

LSTM: dict[str, Any] = {
    "device": "EPYC, 1 thread",
    "mode": "chunks",
    "precision": "float32",
    "steps": 1200,
    "micro_batch": 16,
    "rows_per_second": 12_345.6,
    "targets_per_second": 8_000.0,
    "waiting_share": 0.0123,
    "peak_memory_bytes": 900_000_000,
    "peak_device_memory_bytes": 0,
    "seconds": 60.0,
    "cut_seconds": 75.0,
}
LATE = {**LSTM, "mode": "ridge", "steps": 0, "micro_batch": 0, "cut_seconds": 120.0}


def test_a_row_says_how_a_member_used_its_device() -> None:
    figures = {"ingest": {"rows": 5}, "train stacked_lstm": {**LSTM, "test_rmse": 0.1}, "train residual_gru": LATE}
    facts = device_facts(figures)
    assert list(facts) == ["stacked_lstm", "residual_gru"]
    assert "test_rmse" not in facts["stacked_lstm"]
    console = Console(width=140, record=True)
    console.print(device_table(facts))
    text = console.export_text()
    for shown in ("stacked_lstm", "1,200", "12,346", "8,000", "1.2%", "900 MB", "16 chunks", "EPYC, 1 thread"):
        assert shown in text
    assert "0 ridge" not in text


def test_a_gpu_s_memory_and_precision_are_shown() -> None:
    gpu = {**LSTM, "device": "V100", "precision": "mixed_float16", "peak_device_memory_bytes": 2_000_000_000}
    console = Console(width=140, record=True)
    console.print(device_table({"stacked_lstm": gpu}))
    text = console.export_text()
    assert "2,000 MB" in text
    assert "V100, mixed_float16" in text


def test_what_the_deadline_cut_is_said() -> None:
    assert cut_line({"stacked_lstm": {**LSTM, "cut_seconds": 0.0}}) == ""
    facts = {"stacked_lstm": LSTM, "residual_gru": LATE, "linear": LATE}
    assert cut_line(facts).endswith("stacked_lstm 1 min 15 s, residual_gru wholly (it is its linear start).")
    # Who asked for all the time until the deadline was promised no more.
    assert cut_line(facts, planned=False).endswith(": residual_gru wholly (it is its linear start).")
