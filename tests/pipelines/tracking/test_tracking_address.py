"""Where a run is tracked."""

import sys
from pathlib import Path

import pytest

from components.errors import InputError
from pipelines.tracking.address import is_whole, local_artifacts, tracking_address, without_password


def test_by_default_it_is_a_file_beside_the_run(tmp_path: Path) -> None:
    address = tracking_address("", tmp_path / "runs" / "creek", {})
    assert address == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert local_artifacts(address) == f"file://{tmp_path}/runs/mlflow-artifacts"


def test_the_environment_names_a_server_and_what_is_given_comes_first(tmp_path: Path) -> None:
    environment = {"MLFLOW_TRACKING_URI": "http://mlflow:5000"}
    assert tracking_address("", tmp_path, environment) == "http://mlflow:5000"
    assert tracking_address("https://other", tmp_path, environment) == "https://other"
    assert local_artifacts("https://other") is None


def test_a_relative_file_is_kept_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_address("sqlite:///my.db", tmp_path, {}) == f"sqlite:///{tmp_path}/my.db"


@pytest.mark.parametrize("address", ["mlflow.example:5000", "ftp://host", "runs/mlflow.db"])
def test_what_is_no_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no address of a tracking server"):
        tracking_address(address, tmp_path, {})


def test_a_password_in_a_server_s_address_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        tracking_address("http://me:secret@mlflow", tmp_path, {})
    assert "secret" not in str(refused.value)


def test_a_database_s_password_is_not_kept() -> None:
    kept = without_password("postgresql://me:secret@db:5432/mlflow")
    assert kept == "postgresql://me:***@db:5432/mlflow"
    assert not is_whole(kept)
    assert is_whole("http://mlflow")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match=r"sluice\[tracking\]"):
        tracking_address("", tmp_path, {})
