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
def test_a_broken_file_or_a_cache_that_cannot_be_written_does_no_harm(fresh):
    assert native.load_native(ADAM) is not None
    (kept,) = fresh.iterdir()
    kept.unlink()
    kept.write_bytes(b"broken")
    assert native.load_native(ADAM) is not None
    kept.unlink()
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
