"""Keys are stored as hashes, compared whole, and followed when their file changes."""

import os
import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from serving.server.security import ApiKeys, Security, new_key


def test_a_new_key_is_known_by_its_name_and_its_file_does_not_tell_it(tmp_path):
    path = tmp_path / "keys"
    first, second = new_key("pump-house", path), new_key("dispatch", path)
    keys = ApiKeys(path)
    assert keys.owner({"x-api-key": first}) == "pump-house"
    assert keys.owner({"authorization": f"bearer {second}"}) == "dispatch"
    assert keys.owner({"authorization": f"Basic {second}"}) is None
    assert first not in path.read_text()
    assert len(first) >= 43


def test_nobody_is_known_without_a_key_or_by_a_hash(tmp_path):
    path = tmp_path / "keys"
    key = new_key("a", path)
    keys = ApiKeys(path)
    for given_key in ("", " ", key[:-1], key + "x", sha256(key.encode()).hexdigest(), "ä\0"):
        assert keys.owner({"x-api-key": given_key}) is None
    assert keys.owner({}) is None


def test_an_empty_key_is_not_a_key_even_where_its_hash_is_listed(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"nobody:{sha256(b'').hexdigest()}\n")
    assert ApiKeys(path).owner({}) is None


def test_keys_are_added_and_revoked_without_a_restart(tmp_path):
    path = tmp_path / "keys"
    old = new_key("old", path)
    keys = ApiKeys(path)
    fresh = new_key("fresh", path)
    assert keys.owner({"x-api-key": fresh}) == "fresh"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if line.startswith("fresh:")))
    assert keys.owner({"x-api-key": old}) is None
    assert keys.owner({"x-api-key": fresh}) == "fresh"


def test_a_file_that_breaks_or_vanishes_leaves_the_keys_as_they_were(tmp_path, caplog):
    path = tmp_path / "keys"
    key = new_key("a", path)
    keys = ApiKeys(path)
    path.write_text("garbage\n")
    os.utime(path, (time.time() + 5, time.time() + 5))
    assert keys.owner({"x-api-key": key}) == "a"
    assert "the keys stay as they were" in caplog.text
    path.unlink()
    assert keys.owner({"x-api-key": key}) == "a"
    assert keys.owner({"x-api-key": "x"}) is None


def test_a_file_with_comments_and_blank_lines_is_read(tmp_path):
    path = tmp_path / "keys"
    key = new_key("a", path)
    path.write_text(f"# keys of the plant\n\n{path.read_text()}\n")
    assert ApiKeys(path).owner({"x-api-key": key}) == "a"


@given(st.text(max_size=30).filter(lambda text: text.strip() and not text.strip().startswith("#")))
def test_a_line_that_is_no_key_is_named(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_bytes(f"x{text}".encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError):
        ApiKeys(path)


def test_a_name_has_one_key(tmp_path):
    new_key("a", tmp_path / "keys")
    with pytest.raises(InputError, match="a has a key"):
        new_key("a", tmp_path / "keys")
    with pytest.raises(InputError, match="no name of a key"):
        new_key("a:b", tmp_path / "keys")


def test_a_certificate_needs_its_own_key(certificate, tmp_path):
    cert, key, authority = certificate
    Security(tls_cert=cert, tls_key=key).check()
    for wrong in (Security(tls_cert=cert), Security(tls_key=key), Security(tls_cert=cert, tls_key=tmp_path / "none")):
        with pytest.raises(InputError):
            wrong.check()
    with pytest.raises(InputError, match="can't be used"):
        Security(tls_cert=authority, tls_key=key).check()
    with pytest.raises(InputError, match="keys new"):
        Security(keys=tmp_path / "none").check()
