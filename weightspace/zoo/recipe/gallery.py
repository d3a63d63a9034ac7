"""The recipes that ship with the package."""

from pathlib import Path

from weightspace.suggest import suggestion

PACKAGED = Path(__file__).parent / "gallery"
CHECKOUT = Path(__file__).parents[3] / "zoo"


def gallery() -> dict[str, Path]:
    """Every recipe of the gallery by name."""
    folder = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def gallery_path(name: str | Path) -> Path:
    """A recipe file as given, or the gallery's recipe of that name.

    Raises:
        FileNotFoundError: lists the gallery.
    """
    if Path(name).is_file():
        return Path(name)
    recipes = gallery()
    if str(name) not in recipes:
        raise FileNotFoundError(
            f"no recipe file {name} and no recipe of that name; the gallery has {', '.join(recipes)}"
            f"{suggestion(name, recipes)}"
        )
    return recipes[str(name)]
