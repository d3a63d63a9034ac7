import stat

import pytest

from weightspace.machine.whole_file import remove_leftovers, whole_file


def test_a_file_appears_when_the_block_ends_well(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists() and temporary.name == "a.txt"
    assert path.read_text() == "whole" and [each.name for each in path.parent.iterdir()] == ["a.txt"]
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(UnicodeEncodeError), whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("half \ud800", encoding="utf-8")
    assert (tmp_path / "a.txt").read_text() == "before" and len(list(tmp_path.iterdir())) == 1


def test_what_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    message = r"cannot write .*file/a.txt: .*; make room or choose another folder"
    with pytest.raises(OSError, match=message), whole_file(tmp_path / "file" / "a.txt") as temporary:
        temporary.touch()


def test_leftovers_of_writers_that_were_killed_go(tmp_path):
    (tmp_path / "deep" / ".a.txt.x.tmp").mkdir(parents=True)
    (tmp_path / "deep" / ".b.tmp").touch()
    (tmp_path / "deep" / "kept.tmp").touch()
    remove_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["kept.tmp"]
