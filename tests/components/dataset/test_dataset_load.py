from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dataset.errors import DatasetError
from components.dataset.load import (
    dump_dataset,
    load_dataset,
    load_preset,
    parse_dataset,
    preset_names,
    resolve_source,
)
from components.dataset.schema import Column, Melt, Query

# What is replaced in the creek's file, by what; then the key, and a part of the fix, that the error must name.
MISTAKES = [
    ("window: 48", "windw: 48", "line 11, windw", "did you mean 'window'"),
    ("window: 48", "window: ten", "line 11, window", "a whole number"),
    ("window: 48", "window: 1", "line 11, window", "2 or more"),
    ("window: 48", "window: 48\nwindow: 49", "window", "keep one"),
    ("name: creek", "name: My Creek", "line 1, name", "small letters"),
    ("name: creek\n", "", "name", "add `name:"),
    ("step: 5min", "step: 5 fortnights", "line 3, step", "business_day"),
    ("step: 5min", "step: 5", "line 3, step", "text"),
    ("step: 5min", "step: 0min", "line 3, step", "5min"),
    ("step: 5min", "step: 5min\ntimezone: Asia/Soul", "line 4, timezone", "did you mean 'Asia/Seoul'"),
    ("step: 5min", "step: 5min\ntimezone: KST", "line 4, timezone", "IANA"),
    ("target: level", "target: levle", "line 10, target", "did you mean 'level'"),
    ("target: level", "target: tide", "line 9, columns.tide.role", "observed"),
    ("limits: [0, 5]", "limits: [5, 0]", "line 5, columns.level.limits", "[0, 5]"),
    ("limits: [0, 5]", "limits: [5]", "line 5, columns.level.limits", "[lowest, highest]"),
    ("limits: [0, 5]", "limit: [0, 5]", "line 5, columns.level.limit", "did you mean 'limits'"),
    ("limits: [0, 5]", "stuck: 1", "line 5, columns.level.stuck", "2 or more"),
    ("{role: known}", "{role: future}", "line 9, columns.tide.role", "known"),
    ("missing: {fill: zero}", "missing: zero", "line 8, columns.rain.missing", "{fill: hold"),
    ("missing: {fill: zero}", "missing: {fill: linear}", "line 8, columns.rain.missing.fill", "hold, zero or a number"),
    ("missing: {fill: zero}", "missing: {maxgap: 3}", "line 8, columns.rain.missing.maxgap", "did you mean 'max_gap'"),
    ("tide: {role: known}", "stamp:", "line 9, columns.stamp", "leave it out"),
    ("tide: {role: known}", "series:", "line 9, columns.series", "rename"),
    ("tide: {role: known}", "hour_of_day:\ncalendar: [hour_of_day]", "columns.hour_of_day", "rename"),
    ("step: 5min", "step: 5min\ncalendar: [hour_of_dya]", "line 4, calendar[0]", "did you mean 'hour_of_day'"),
    ("step: 5min", "step: 5min\nseries: stamp", "line 4, series", "tells series apart"),
    ("step: 5min", "step: 5min\nseries: {melts: [a], into: level}", "line 4, series.melts", "did you mean 'melt'"),
    ("step: 5min", "step: 5min\nseries: {melt: [a], into: lvl}", "line 4, series.into", "did you mean 'level'"),
    ("step: 5min", "step: 5min\nseries: {melt: [rain], into: level}", "line 4, series.melt", "keep only 'level'"),
    ("step: 5min", "step: 5min\nsource: {url: 'sqlite://'}", "line 4, source.query", "query"),
    ("[1, 6, 12]", "[0, 6]", "line 12, horizons", "1 or more"),
    ("[1, 6, 12]", "9-3", "line 12, horizons", "3-9"),
    ("[1, 6, 12]", "[1, 6]", "line 13, spike.within", "6 or less"),
    ("rise: 0.2", "rise: 0", "line 13, spike.rise", "above 0"),
    ("rise: 0.2", "rise: .nan", "line 13, spike.rise", "finite"),
    ("window: 48", "window: 48\nsplit: {train: 0.7, validation: 0.2, test: 0.2}", "line 12, split", "add up to 1"),
    ("window: 48", "window: 48\nsplit: {train: 0.7, validation: 9, test: 0.2}", "line 12, split", "three numbers"),
    ("window: 48", "window: 48\nsplit: {train: 1, validation: 0}", "line 12, split", "fractions"),
    ("window: 48", "window: 48\nsplit: {train: 59, validation: 99, test: 99}", "line 12, split.train", "at least 60"),
    ("window: 48", "window: 48\nsplit: {train: 99, validation: 12, test: 99}", "split.validation", "at least 13"),
    ("window: 48", "window: 48\ngate: {latency: 3}", "line 12, gate.latency", "did you mean 'latency_ms'"),
    ("rain > 5", "rian > 5", "line 15, rules[0].when", "did you mean 'rain'"),
    ("rain > 5", "rain >", "line 15, rules[0].when", "compare columns and numbers"),
    ("rain > 5 and", "rain > 5 &&", "line 15, rules[0].when", "did you mean 'and'"),
    ("rain > 5 and level < 1", "1 < 5", "line 15, rules[0].when", "rain > 5"),
    ("for: 3", "for: 49", "line 16, rules[0].for", "48 or less"),
    ("{min: 0.5}", "{}", "line 17, rules[0].then", "exactly one"),
    ("{min: 0.5}", "{min: 0.5, add: 1}", "line 17, rules[0].then", "exactly one"),
    ("{min: 0.5}", "{minimum: 0.5}", "line 17, rules[0].then.minimum", "did you mean 'min'"),
    ("columns:\n", "columns: [level]\nothers:\n", "line 4, columns", "name: {unit"),
    ("name: creek", "name: creek\n  time: x", "line 2", "indents"),
]


@pytest.mark.parametrize(("old", "new", "where", "fix"), MISTAKES, ids=[case[1][:40] for case in MISTAKES])
def test_mistake_names_file_line_key_and_fix(creek: str, old: str, new: str, where: str, fix: str) -> None:
    assert old in creek
    with pytest.raises(DatasetError) as caught:
        parse_dataset(creek.replace(old, new, 1), "creek.yaml")
    assert caught.value.where.startswith("creek.yaml")
    assert where in caught.value.where
    assert fix in caught.value.fix


def test_first_mistake_of_several_is_told_and_the_others_are_named(creek: str) -> None:
    with pytest.raises(DatasetError) as caught:
        parse_dataset(creek.replace("window: 48", "windw: 48").replace("rise:", "rize:"), "creek.yaml")
    assert "windw" in caught.value.where
    assert "spike.rize" in caught.value.problem


def test_creek_is_read_with_the_stated_defaults(creek: str) -> None:
    dataset = parse_dataset(creek, "creek.yaml")
    assert dataset.inputs == ("level", "rain", "tide")
    assert dataset.known == ("tide",)
    assert dataset.step_seconds == 300
    assert not dataset.is_business_day
    assert not dataset.is_panel
    assert dataset.band == 0.9
    assert dataset.split.parts == {"train": 0.7, "validation": 0.15, "test": 0.15}
    assert not dataset.split.in_rows
    assert dataset.rules[0].steps == 3


def test_empty_column_has_all_defaults(creek: str) -> None:
    assert parse_dataset(creek.replace("{role: known}", ""), "creek.yaml").columns["tide"] == Column()


def test_column_may_be_called_like_a_boolean_or_a_number(creek: str) -> None:
    text = creek.replace("tide: {role: known}", "NO:\n  7:")
    assert parse_dataset(text, "creek.yaml").inputs == ("level", "rain", "NO", "7")


def test_anchors_and_merge_keys_are_understood(creek: str) -> None:
    text = creek.replace("level: {unit", "level: &first {unit").replace("{role: known}", "{<<: *first, unit: ft}")
    tide = parse_dataset(text, "creek.yaml").columns["tide"]
    assert (tide.unit, tide.limits) == ("ft", (0, 5))


@pytest.mark.parametrize("name", preset_names())
def test_preset_reads_and_round_trips(name: str) -> None:
    dataset = load_preset(name)
    assert dataset.name == name
    assert parse_dataset(dump_dataset(dataset), name) == dataset


def test_presets_are_those_of_the_contract() -> None:
    assert preset_names() == ("ett", "reservoir", "stocks")
    assert len(load_preset("reservoir").inputs) == 12
    assert load_preset("stocks").is_business_day
    assert load_preset("stocks").series_column == "ticker"
    ett = load_preset("ett")
    assert ett.melt == Melt(melt=("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"), into="value")
    assert ett.horizons == tuple(range(1, 97))
    assert ett.split.in_rows


def test_unknown_preset_is_told_the_nearest() -> None:
    with pytest.raises(DatasetError, match="did you mean 'reservoir'"):
        load_preset("resevoir")


def test_dump_writes_every_key_and_reads_back_equal(creek: str) -> None:
    dataset = parse_dataset(creek, "creek.yaml")
    text = dump_dataset(dataset)
    assert parse_dataset(text, "copy") == dataset
    assert dump_dataset(parse_dataset(text, "copy")) == text
    assert "latency_ms: 1200.0" in text


@pytest.mark.parametrize(
    ("source", "resolved"),
    [("readings/a.csv", "{folder}/readings/a.csv"), ("/data/a.csv", "/data/a.csv"), (None, None)],
)
def test_source_starts_at_the_folder_of_the_file(
    creek: str, tmp_path: Path, source: str | None, resolved: str | None
) -> None:
    path = tmp_path / "creek.yaml"
    path.write_text(creek + (f"source: {source}\n" if source else ""))
    wanted = resolved.format(folder=tmp_path) if resolved else None
    assert resolve_source(load_dataset(path), path) == wanted


def test_source_may_be_a_query(creek: str, tmp_path: Path) -> None:
    text = creek + "source: {url: 'sqlite:///a.db', query: select * from level}\n"
    assert resolve_source(parse_dataset(text, "x"), tmp_path) == Query(
        url="sqlite:///a.db", query="select * from level"
    )


def test_missing_file_and_wrong_encoding_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        load_dataset(tmp_path / "none.yaml")
    path = tmp_path / "cp949.yaml"
    path.write_bytes("name: 수위".encode("cp949"))
    with pytest.raises(DatasetError, match="UTF-8"):
        load_dataset(path)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_a_dataset_or_a_dataset_error(text: str) -> None:
    with pytest.raises(DatasetError):
        parse_dataset(text, "fuzz.yaml")


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    key=st.sampled_from(["columns", "series", "split", "rules", "horizons", "spike", "gate", "source", "calendar"]),
    value=TREES,
)
def test_any_value_of_a_key_is_read_or_named(key: str, value: object) -> None:
    import yaml

    head = "name: a\ntime: t\nstep: 1h\ntarget: x\n" + ("" if key == "columns" else "columns: {x: }\n")
    text = head + yaml.safe_dump({key: value}, allow_unicode=True)
    try:
        dataset = parse_dataset(text, "fuzz.yaml")
    except DatasetError:
        return
    assert parse_dataset(dump_dataset(dataset), "copy") == dataset
