"""One door for whatever `save_pretrained` wrote: metanets and generators."""

from pathlib import Path
from typing import Any

from weightspace.generators.load import GENERATORS
from weightspace.metanets.load import METANETS
from weightspace.pretrained.pretrained import read_json


def load_metanet(path_or_repo: str | Path, **options: Any) -> Any:
    """Load a metanet, which reads weights, or a generator, which writes them, of any class.

    `weightspace.metanets.load_metanet` and `weightspace.generators.load_generator` take one of the two kinds and say
    so in their types.

    Args:
        path_or_repo: a folder that ``save_pretrained`` wrote; the name of a net that ships with the package, such as
            ``"digits-accuracy"``; or a repository of the Hub, ``"owner/name"``.
        options: as for `Metanet.from_pretrained`.

    Returns:
        A `Metanet` or a `Generator`.

    Raises:
        ValueError: the class is unknown, or configuration or tensors don't fit it.

    Example::

        metanet = load_metanet("digits-accuracy")
        metanet(metanet.graph(space, weights))
    """
    name, kinds = read_json(path_or_repo, options).get("metanet"), {**METANETS, **GENERATORS}
    if name not in kinds:
        raise ValueError(f"{path_or_repo} holds a metanet {name!r}; known are {', '.join(kinds)}.")
    return kinds[name].from_pretrained(path_or_repo, **options)
