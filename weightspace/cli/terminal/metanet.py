"""METANET on a command line: loaded, and seen to be a metanet that was trained for what the command does."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightspace.metanets import Metanet


def load_for(command: str, source: str) -> "Metanet":
    """The metanet of a folder or a name, for ``"predict"`` or ``"edit"``.

    Raises:
        ValueError: a zoo, a file, or a metanet that was trained for the other command; says what to type instead.
        FileNotFoundError: nothing of that name.
    """
    from weightspace.metanets import load_metanet
    from weightspace.tasks.labelled.row import names_zoo

    path = Path(source)
    if names_zoo(path):
        raise ValueError(
            f"METANET must be a folder with a trained metanet, but {source} is a zoo: give the zoo after it."
        )
    if path.is_file():
        raise ValueError(
            f"METANET must be a folder with a trained metanet, but {source} is a file: give it after METANET."
        )
    metanet = load_metanet(source)
    edits = (metanet.config.domain or {}).get("editing") is not None
    if command == "predict" and edits and not metanet.config.labels:
        raise ValueError(
            f"{source} was trained to edit nets, not to predict labels: weightspace edit {source} INR --out FILE."
        )
    if command == "edit" and not edits:
        raise ValueError(
            f"{source} was trained to predict labels, not to edit: weightspace predict {source} CHECKPOINT."
        )
    return metanet


def refuse_tables(paths: list[str]) -> None:
    """See that what is given as checkpoints are no tables of labels.

    Raises:
        ValueError: one of them is a .csv file.
    """
    for path in paths:
        if path.endswith((".csv", ".tsv")):
            raise ValueError(
                f"a checkpoint must hold weights, but {path} is a table; labels belong to "
                f"'weightspace train --checkpoints FILES --module MODULE:NAME --labels {path} --out DIR'."
            )
