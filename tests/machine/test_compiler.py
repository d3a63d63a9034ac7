import os

import pytest

from weightspace.machine import compiler as native
from weightspace.machine.compiler import load_native
from weightspace.zoo.train.native.adam import SOURCE as ADAM
from weightspace.zoo.train.native.siren import SOURCE as SIREN

needs_compiler = pytest.mark.skipif(load_native(ADAM) is None, reason="no C compiler")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A cache folder of its own, and nothing loaded before; gives the folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(native, "load_native", load_native.__wrapped__)
    return tmp_path / "weightspace" / "native"


@needs_compiler
def test_compiled_once_and_kept_under_a_name_for_text_compiler_and_processor(fresh, monkeypatch):
    assert native.load_native(ADAM) is not None
    (kept,) = fresh.iterdir()
    written = kept.stat().st_mtime_ns
    assert native.load_native(ADAM) is not None
    assert [file.stat().st_mtime_ns for file in fresh.iterdir()] == [written]
    monkeypatch.setattr(native, "_processor", lambda: "another")
    assert native.load_native(ADAM) is not None
    assert len(list(fresh.iterdir())) == 2


@needs_compiler
def test_what_is_kept_is_loaded_without_running_anything(fresh, monkeypatch):
    assert native.load_native(ADAM) is not None

    def refused(*words, **options):
        raise AssertionError(words)

    monkeypatch.setattr(native.subprocess, "run", refused)
    assert native.load_native(ADAM) is not None


@needs_compiler
def test_an_upgraded_compiler_makes_it_anew(fresh, monkeypatch, tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nexec cc "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert native.load_native(ADAM) is not None
    compiler.write_text('#!/bin/sh\n# a new version\nexec cc "$@"\n')
    assert native.load_native(ADAM) is not None
    assert len(list(fresh.iterdir())) == 2


@needs_compiler
def test_a_broken_file_or_a_cache_that_cannot_be_written_does_no_harm(fresh):
    assert native.load_native(ADAM) is not None
    (kept,) = fresh.iterdir()
    whole = kept.read_bytes()
    kept.unlink()  # not written into: it is loaded
    kept.write_bytes(whole[:500])
    assert native.load_native(ADAM) is not None
    (again,) = fresh.iterdir()
    assert again.stat().st_size > 500
    again.unlink()
    fresh.rmdir()
    fresh.write_bytes(b"a file where the folder should be")
    assert native.load_native(ADAM) is not None


@pytest.mark.parametrize("compiler", ["false", "/nowhere/cc"])
def test_without_a_compiler_there_is_none(fresh, monkeypatch, compiler):
    monkeypatch.setenv("CC", compiler)
    assert native.load_native(ADAM) is None
    assert not fresh.exists() or not list(fresh.iterdir())


def test_the_compiler_is_looked_for(fresh, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert native.load_native(SIREN) is None


@needs_compiler
def test_compilers_that_do_not_know_the_processor_are_asked_again(fresh, monkeypatch, tmp_path):
    picky = tmp_path / "picky"
    picky.write_text('#!/bin/sh\ncase "$*" in *march*) exit 1;; esac\nexec cc "$@"\n')
    picky.chmod(0o755)
    monkeypatch.setenv("CC", str(picky))
    assert native.load_native(ADAM) is not None


@needs_compiler
def test_nothing_is_loaded_from_a_folder_that_others_can_write(fresh, monkeypatch):
    assert native.load_native(ADAM) is not None
    (kept,) = fresh.iterdir()
    loaded, load = [], native.ctypes.CDLL

    class Watched(load):
        def __init__(self, path):
            loaded.append(path)
            super().__init__(path)

    monkeypatch.setattr(native.ctypes, "CDLL", Watched)
    native.load_native(ADAM)
    fresh.chmod(0o777)
    native.load_native(ADAM)
    assert loaded[0] == str(kept) and not loaded[1].startswith(str(fresh))


@needs_compiler
def test_the_cache_is_private_whatever_the_umask(fresh):
    before = os.umask(0)
    try:
        assert native.load_native(ADAM) is not None
    finally:
        os.umask(before)
    (kept,) = fresh.iterdir()
    assert not any(path.stat().st_mode & 0o022 for path in (kept, fresh, fresh.parent))
