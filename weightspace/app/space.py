"""A Space of the Hub from the page: the two files that it needs, and its card."""

from pathlib import Path

from weightspace import __version__

_APP = '''"""The page of weightspace."""

from weightspace.app import make_page

page = make_page({zoos!r})
page.launch()
'''
_CARD = """---
title: weightspace
sdk: gradio
sdk_version: {gradio}
app_file: app.py
license: apache-2.0
---
A page to browse zoos of neural networks and to ask metanets about checkpoints.
"""


def write_space(out: str | Path, zoos: list[str]) -> list[Path]:
    """Writes ``app.py``, ``requirements.txt`` and ``README.md`` into a folder, to be uploaded as a Gradio Space.

    Args:
        out: a new folder, or one that this wrote. zoos: addresses on the Hub, which the page offers.

    Raises:
        ValueError: a zoo that lies on this machine, where a Space couldn't read it; a folder with other files.
        ModuleNotFoundError: Gradio isn't installed.
    """
    import gradio

    out = Path(out)
    local = [zoo for zoo in zoos if not zoo.startswith("hf://datasets/")]
    if local:
        raise ValueError(f"A Space reads zoos from the Hub: publish {local[0]} first ('weightspace zoo push {local[0]} "
                         "OWNER/NAME'), then give hf://datasets/OWNER/NAME.")  # fmt: skip
    texts = {
        "app.py": _APP.format(zoos=zoos),
        "requirements.txt": f"weightspace[app]>={__version__}\n",
        "README.md": _CARD.format(gradio=gradio.__version__),
    }
    strange = [path.name for path in out.iterdir() if path.name not in texts] if out.is_dir() else []
    if strange or out.is_file():
        raise ValueError(f"{out} must be a new folder, got one with {', '.join(strange[:3]) or 'a file'}.")
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in texts]
