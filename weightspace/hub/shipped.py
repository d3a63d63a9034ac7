"""The pretrained nets that ship with the package, by name."""

from pathlib import Path

FOLDER = Path(__file__).parent / "shipped"


def shipped() -> dict[str, Path]:
    """Every pretrained net of the package by name: a folder with its configuration, its tensors and its card."""
    return {path.parent.name: path.parent for path in sorted(FOLDER.glob("*/config.json"))}
