"""Files in the Hub's cache, compared with the SHA-256 that names them."""

import hashlib

import pytest

from weightspace.hub.arrived import blobs, refuse_changed


@pytest.fixture
def cached(tmp_path):
    def put(content, name=None):
        name = name or hashlib.sha256(content).hexdigest()
        for folder in ("blobs", "snapshots/1"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "blobs" / name).write_bytes(content)
        (tmp_path / "snapshots/1/file").symlink_to(f"../../blobs/{name}")
        return tmp_path / "snapshots/1/file"

    return put


def test_what_is_as_the_hub_says_stays(cached, tmp_path):
    path = cached(b"weights")
    refuse_changed(path, set())
    assert path.read_bytes() == b"weights" and blobs(tmp_path) == {hashlib.sha256(b"weights").hexdigest()}
    assert blobs(tmp_path / "elsewhere") == set()


def test_what_differs_is_removed(cached, tmp_path):
    path = cached(b"weights", "0" * 64)
    with pytest.raises(ConnectionError, match=r"the Hub names the SHA-256 000000000000\.\.\., what came has"):
        refuse_changed(path, set())
    assert not path.is_symlink() and blobs(tmp_path) == set()


@pytest.mark.parametrize(("name", "known"), [("0" * 64, {"0" * 64}), ("0" * 40, set())])
def test_what_was_there_before_and_what_git_names_is_not_read_again(cached, name, known):
    path = cached(b"weights", name)
    refuse_changed(path, known)
    assert path.is_file()
