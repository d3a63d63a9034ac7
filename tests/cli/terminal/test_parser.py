"""What is typed wrongly is answered in one line that says what to type."""

import pytest

from weightspace.cli.main import build_parser


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("zo", "COMMAND must be one of quickstart,"),
        ("zo", "got 'zo' (did you mean 'zoo'?). "),
        ("zoo buidl", "did you mean 'build'?"),
        ("zoo build digits-cnn", "the following arguments are required: --out"),
        ("zoo build digits-cnn --out x --net 3", "there is no '--net' here (did you mean '--nets'?"),
        ("zoo build digits-cnn --out x --engine loca", "--engine must be one of local, ray, got 'loca'"),
        ("zoo build digits-cnn --out x --nets many", "--nets"),
        ("quickstart extra", "there is no 'extra' here"),
    ],
)
def test_one_line(words, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(words.split())
    assert stopped.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert "--help' shows how." in captured.err


def test_escape_sequences_are_shown_not_obeyed(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["\x1b[31mred"])
    assert "\x1b" not in capsys.readouterr().err
