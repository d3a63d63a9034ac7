"""Cards: the README of a repository, whose front matter says licence, tags and what a viewer shows."""

from typing import Any

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))  # fmt: skip


def size_category(rows: int) -> str:
    """The class of a data set's size, as the Hub names it."""
    return next((name for bound, name in _SIZES if rows < bound), "100M<n<1B")


def completed_card(text: str, facts: dict[str, Any], license: str | None, where: str) -> str:
    """A card whose front matter has every fact that it lacks, and a licence.

    Args:
        text: the card, with or without front matter. facts: what to add where it isn't said.
        license: the name of a licence, such as ``"apache-2.0"``; None if the card says it. where: for errors.

    Raises:
        ValueError: front matter that can't be read, no licence, or one that differs from the card's.
    """
    from huggingface_hub import DatasetCard, ModelCard
    from yaml import YAMLError

    kind = DatasetCard if "configs" in facts else ModelCard
    try:
        card = kind(text, ignore_metadata_errors=False)
    except (ValueError, YAMLError) as error:
        raise ValueError(f"The front matter of {where} can't be read: {str(error).splitlines()[0]}") from None
    said = card.data.get("license")
    if license and said and said != license:
        raise ValueError(f"{where} says the licence {said!r}, got license={license!r}; change one of them.")
    if not (license or said):
        raise ValueError(
            f"{where} names no licence, so nobody may use what is published: give one (license='apache-2.0', on a "
            "command line --license apache-2.0), or write 'license: NAME' into its front matter."
        )
    card.data["license"] = license or said
    for name, value in facts.items():
        own = card.data.get(name)
        if name == "tags":
            card.data[name] = [*(own or []), *(tag for tag in value if tag not in (own or []))]
        elif own is None:
            card.data[name] = value
    return str(card)
