"""What is meant by a name with an @."""

import pytest

from weightspace.tasks.labelled.row import names_row, names_zoo

URL = "hf://datasets/me/zoo"


@pytest.mark.parametrize(
    ("text", "row", "zoo"),
    [
        ("zoo@3", True, False),
        (f"{URL}@3", True, False),
        (f"{URL}@v2@3", True, False),
        ("s3://bucket/zoo@3", True, False),
        (URL, False, True),
        (f"{URL}@v2", False, True),
        ("s3://bucket/zoo", False, True),
        ("hf://me/net", False, False),
        ("hf://me/net@v2", False, False),
        ("hf://me/net@3", False, False),
        ("net.pt", False, False),
    ],
)
def test_rows_zoos_and_models_are_told_apart(text, row, zoo):
    assert (names_row(text), names_zoo(text)) == (row, zoo)


def test_what_is_there_is_what_it_is(tmp_path):
    (tmp_path / "net@3").write_text("")
    (tmp_path / "zoo").mkdir()
    assert not names_row(tmp_path / "net@3") and not names_zoo(tmp_path / "zoo")
    (tmp_path / "zoo" / "manifest.json").write_text("{}")
    assert names_zoo(tmp_path / "zoo")
