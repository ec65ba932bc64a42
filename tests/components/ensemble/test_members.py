import json
import shutil

import numpy as np
import pytest

from components.ensemble.members import load_members
from components.errors import InputError
from components.preprocess.windows import origins


@pytest.fixture
def parts(basin):
    dataset = basin.dataset
    return tuple(origins(basin.series, part, dataset.window, dataset.horizons) for part in ("validation", "test"))


def spoilt_copy(folder, target, **changes):
    shutil.copytree(folder, target)
    with np.load(target / "forecasts.npz") as file:
        arrays = {key: file[key] for key in file.files}
    np.savez(target / "forecasts.npz", **{**arrays, **{key: change(arrays[key]) for key, change in changes.items()}})
    return target


def with_nan(values):
    values = values.copy()
    values[3, 0, 0] = np.nan
    return values


def test_members_keep_the_order_of_their_folders(basin, parts):
    members = load_members(basin.members, *parts)
    assert members.names == ("linear", "residual_gru", "spike_detector")
    (piece, whole), *others = members.validation.pieces(len(parts[0]))
    assert (piece, others) == (slice(0, len(parts[0])), [])
    assert whole.values.shape == (len(parts[0]), 3, 3, 3)
    np.testing.assert_array_equal(whole.points, members.validation.points())
    with np.load(basin.members[1] / "forecasts.npz") as file:
        np.testing.assert_array_equal(whole.values[:, 1], file["validation"])
    assert members.spike_member == "spike_detector"
    assert members.test.spike().shape == (len(parts[1]),)


@pytest.mark.parametrize("size", [1, 64, 10_000])
def test_pieces_are_the_forecasts_in_order(basin, parts, size):
    test = load_members(basin.members, *parts).test
    found = list(test.pieces(size))
    assert max(len(part.origins) for _, part in found) <= size
    assert [place.start for place, _ in found] == list(range(0, len(parts[1]), size))
    np.testing.assert_array_equal(np.concatenate([part.origins for _, part in found]), parts[1])
    np.testing.assert_array_equal(np.concatenate([part.points for _, part in found]), test.points())
    np.testing.assert_array_equal(np.concatenate([part.spike for _, part in found]), test.spike())


def test_a_member_with_nan_is_left_out_with_a_note(basin, parts, tmp_path):
    spoilt = spoilt_copy(basin.members[1], tmp_path / "gru", test=with_nan)
    members = load_members([basin.members[0], spoilt], *parts)
    assert members.names == ("linear",)
    assert members.notes == ("residual_gru is left out: some of its forecasts are no number",)


def test_no_finite_member_is_an_input_error(basin, parts, tmp_path):
    spoilt = spoilt_copy(basin.members[1], tmp_path / "gru", validation=with_nan)
    with pytest.raises(InputError, match="none of 1 members"):
        load_members([spoilt], *parts)


def test_a_member_of_other_windows_is_refused(basin, parts):
    with pytest.raises(InputError, match="not of the windows of this series"):
        load_members(basin.members, parts[0][1:], parts[1])


def test_a_folder_that_is_no_member_is_named(parts, tmp_path):
    (tmp_path / "member.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(InputError, match="can't be read as a member"):
        load_members([tmp_path], *parts)
