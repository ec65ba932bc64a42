"""A caller's key comes from its file, or from the environment."""

import pytest

from components.errors import InputError
from pipelines.cli.access import find_key


def test_a_key_is_read_from_its_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SLUICE_API_KEY", raising=False)
    assert find_key(None) == ""
    monkeypatch.setenv("SLUICE_API_KEY", "of-the-environment")
    assert find_key(None) == "of-the-environment"
    (tmp_path / "key").write_text("of-the-file\n")
    assert find_key(tmp_path / "key") == "of-the-file"


@pytest.mark.parametrize("text", ["", "two words", "sch\u00f6n"])
def test_a_file_without_a_key_is_refused(tmp_path, text):
    (tmp_path / "key").write_text(text)
    with pytest.raises(InputError, match="holds no key"):
        find_key(tmp_path / "key")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="can't be read"):
        find_key(tmp_path / "none")
