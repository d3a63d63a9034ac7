"""The gallery prints what the code in it prints. ``python tests/space/test_gallery.py`` writes it anew."""

import contextlib
import io
import re
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "docs" / "GALLERY.md"
SECTION = re.compile(r"(?ms)^## (?P<title>[^\n]+)\n\n```python\n(?P<code>.*?)```\n\n```text\n(?P<text>.*?)```\n\n(?P<line>.*?)(?=^## |\Z)")  # fmt: skip # noqa: E501


def start() -> str:
    """The imports that every section starts with."""
    return GALLERY.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]


def printed(code: str) -> str:
    """What a block of code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(start() + code, str(GALLERY), "exec"), {"__name__": "gallery"})
    return out.getvalue()


def sections() -> dict[str, re.Match[str]]:
    """The sections of the gallery by title."""
    return {found["title"]: found for found in SECTION.finditer(GALLERY.read_text(encoding="utf-8"))}


def test_the_families_that_one_expects_are_there():
    assert list(sections()) == ["MLP", "LeNet", "ResNet block", "ViT block", "GRU", "DenseNet block", "SIREN"]
    assert GALLERY.read_text(encoding="utf-8").count("\n## ") == len(sections())


@pytest.mark.parametrize("title", list(sections()))
def test_the_table_is_what_the_code_prints(title):
    section = sections()[title]
    assert section["text"] == printed(section["code"])
    assert "permutation" in section["text"]
    assert 0 < section["line"].strip().count("\n") + 1 <= 3  # one sentence on the symmetry


def write() -> None:
    """Put what the code prints into the gallery."""
    text = GALLERY.read_text(encoding="utf-8")
    for section in sections().values():
        old = section.group()
        text = text.replace(
            old, old.replace(f"```text\n{section['text']}```", f"```text\n{printed(section['code'])}```")
        )
    GALLERY.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
