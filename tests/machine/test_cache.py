"""The cache lies where the system keeps caches, and nobody else can write where executed code is kept."""

import os
import stat
import sys
from pathlib import Path

import pytest

from weightspace.machine.cache import cache_folder, private_folder

linux = pytest.mark.skipif(sys.platform != "linux", reason="XDG_CACHE_HOME is not asked for elsewhere")


@linux
@pytest.mark.parametrize("named", ["", "cache", "./cache"])
def test_a_cache_is_never_in_the_working_directory(monkeypatch, named):
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert cache_folder() == Path.home() / ".cache" / "weightspace"


@linux
def test_an_absolute_folder_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "weightspace"


@linux
def test_a_private_folder_is_this_users_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = private_folder("code")
    assert folder == tmp_path / "weightspace" / "code" and stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    for wide in (folder, folder.parent):
        wide.chmod(0o777)
        with pytest.raises(PermissionError, match=f"{wide} must be writable by its user alone"):
            private_folder("code")
        wide.chmod(0o700)
    assert private_folder("code") == folder


@linux
def test_a_link_is_no_private_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "weightspace").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", tmp_path / "weightspace" / "code")
    with pytest.raises(PermissionError, match="must be a folder of this user"):
        private_folder("code")
