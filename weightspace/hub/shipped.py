"""The pretrained nets that ship with the package, by name."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "shipped"


def shipped() -> dict[str, Path]:
    """Every pretrained net of the package by name: a folder with its configuration, its tensors and its card."""
    return {path.parent.name: path.parent for path in sorted(FOLDER.glob("*/config.json"))}


def shipped_readers() -> list[str]:
    """The names of those that say something of a net; others change weights, or step them."""
    configs = {name: (folder / "config.json").read_text(encoding="utf-8") for name, folder in shipped().items()}
    return [name for name, text in configs.items() if json.loads(text).get("labels")]
