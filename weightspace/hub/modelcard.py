"""The card of a trained module: what it is, what it was trained on, and how it is used."""

from typing import Any

from weightspace.markdown import table_lines

_CARD = """---
library_name: weightspace
tags: [weightspace, weight-space]
---
# {name}

{what}

{table}

```python
{usage}
```
"""


def model_card(module: Any) -> str:
    """The text of ``README.md`` for something that `save_pretrained` keeps; it names no licence.

    A class whose modules do something else than metanets and generators says so in ``purpose`` and ``usage``.
    """
    config, domain = module.config, dict(module.config.domain)
    labels, edits = getattr(config, "labels", ()), domain.get("editing")
    what = (
        f"Predicts {', '.join(labels)} of a network from its weights." if labels
        else "Changes the weights of a network." if edits
        else module.purpose
    )  # fmt: skip
    spaces = ", ".join(f"`{space.hash}`" for space in getattr(config, "spaces", ())[:8])
    parameters = sum(parameter.numel() for parameter in module.parameters())
    facts = {
        "class": f"`{type(module).__name__}`, {parameters:,} parameters",
        "weight spaces": spaces,
        "classes": ", ".join(getattr(config, "classes", ())),
        "trained on nets of": domain.get("data"),
    }
    rows = [(name, str(value).replace("|", " ")) for name, value in facts.items() if value]
    return _CARD.format(
        name=type(module).__name__,
        what=what,
        table="\n".join(table_lines(("", ""), rows)),
        usage=module.usage,
    )
