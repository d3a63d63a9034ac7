"""A recipe: everything that a zoo is made from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from weightspace.data import DataFactory, data_code, data_settings
from weightspace.nets import NetFactory, net_class
from weightspace.nets.bounds import LARGEST_SEED
from weightspace.nets.settings import coerce, read_settings
from weightspace.reading import read_text_file, read_toml
from weightspace.suggest import suggestion
from weightspace.zoo.recipe.faults import Faults
from weightspace.zoo.recipe.fit import Fit
from weightspace.zoo.recipe.gallery import gallery_path
from weightspace.zoo.recipe.hyperparameters import NOT_IN_FITS, Hyperparameters
from weightspace.zoo.recipe.ranges import Varied, varies
from weightspace.zoo.recipe.read_ranges import read_ranges
from weightspace.zoo.recipe.save import Save
from weightspace.zoo.recipe.split import Split
from weightspace.zoo.recipe.store import Store
from weightspace.zoo.recipe.toml_text import write_toml

TOP = {"name": str, "description": str, "source": str, "nets": int, "seed": int, "draw": str, "code": str}
METRICS = {
    "classify": ("train_loss", "val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy", "gap"),
    "fit": ("mse", "psnr"),
}
SUCCESS = "attack_success"  # measured beside these where nets may have a trigger
MOST_NETS = 100_000_000
TABLES = ("data", "net", "train", "fit", "save", "split", "store")


@dataclass(frozen=True)
class Recipe:
    """Everything that a zoo is made from, read from TOML and checked.

    In ``[net]`` and ``[train]`` a value is fixed (``lr = 0.1``), a list of choices (``lr = [0.1, 0.01]``) or a range
    (``lr = {low = 1e-4, high = 1e-1, log = true}``). Two recipes with the same ``hash`` make the same nets; the number
    of nets is not part of it, because a longer zoo begins with the shorter one. ``code`` is the digest of what is
    one's own, the source of a net or data factory and the images of a folder, and empty where nothing is.

    Examples:
        >>> Recipe.load("digits-cnn").nets
        3000
    """

    name: str
    nets: int
    data: Mapping[str, Any]
    net: str
    architecture: Mapping[str, Any]
    train: Mapping[str, Any]
    fit: Fit = field(default_factory=Fit)
    save: Save = field(default_factory=Save)
    split: Split = field(default_factory=Split)
    store: Store = field(default_factory=Store)
    seed: int = 0
    draw: str = "random"
    description: str = ""
    source: str = ""
    code: str = ""
    text: str = field(default="", compare=False, repr=False)

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Reads a file, or a recipe of the gallery by its name.

        Raises:
            FileNotFoundError: neither a file nor a name of the gallery; lists the names.
            ValueError, TypeError: names the file, the key, what came and what is known.
        """
        path = gallery_path(path)
        return cls.from_toml(read_text_file(path), str(path))

    @classmethod
    def from_toml(cls, text: str, where: str = "recipe") -> "Recipe":
        """Reads TOML; ``where`` starts every error text."""
        return cls._read(read_toml(text, where).value, text, where)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str = "recipe") -> "Recipe":
        """Reads the same from Python, where the net may also be a function marked with ``net_factory``, and the data
        one marked with ``data_factory``.

        Examples:
            >>> Recipe.from_dict({
            ...     "name": "thin", "nets": 64, "data": {"name": "digits"},
            ...     "net": {"name": my_nets.thin, "width": [4, 8, 16]},
            ...     "train": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "steps": 300},
            ... })
        """
        content = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
        for key, kind in (("net", NetFactory), ("data", DataFactory)):
            table = content.get(key)
            if isinstance(table, dict) and callable(table.get("name")):
                if not isinstance(table["name"], kind):
                    raise TypeError(f"{where}: [{key}]: name: mark {table['name']!r} with {kind.mark} first")
                table["name"] = table["name"].path
        return cls.from_toml(write_toml(content), where)

    @classmethod
    def _read(cls, raw: Mapping[str, Any], text: str, where: str) -> "Recipe":
        faults = Faults()
        with faults.told():
            top = _read_top(raw, where, faults)
            tables = {key: faults.without(_table, raw, key, where) or {} for key in TABLES}
            read = {
                key: faults.without(read_settings, table, tables[key], f"{where}: [{key}]")
                for key, table in (("fit", Fit), ("save", Save), ("split", Split), ("store", Store))
            }
            net, kind = _read_net(tables["net"], where)
            read |= {
                "data": faults.without(_read_data, tables["data"], kind.task, f"{where}: [data]", "code" in raw),
                "architecture": faults.without(read_ranges, tables["net"], kind.Config, f"{where}: [net]"),
                "train": faults.without(_read_train, tables["train"], kind.task, f"{where}: [train]"),
            }
        if "code" not in raw and (code := _own_code(kind, read["data"], where)):
            top["code"] = code
            text = (
                f'code = "{code}"  # digest of what is one\'s own: net factory, data factory, folder of images\n{text}'
            )
        return cls(**top, **read, net=net, text=text)

    @property
    def hash(self) -> str:
        """Hex digest of all that decides how net ``i`` comes out."""
        content = asdict(self)
        for key in ("name", "nets", "description", "source", "text"):
            del content[key]
        if not self.code:
            del content["code"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def imports(self) -> tuple[str, ...]:
        """Modules that a process must import before it can build this recipe's nets."""
        named = (self.net, self.data["name"])
        return tuple(dict.fromkeys(name.partition(":")[0] for name in named if ":" in name))

    @property
    def varied(self) -> dict[str, Varied]:
        """What varies from net to net, by name."""
        return {key: value for key, value in {**self.architecture, **self.train}.items() if varies(value)}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured on every saved state."""
        return (*METRICS[self.task], *([SUCCESS] if "trigger" in self.train else []))

    @property
    def task(self) -> str:
        """``classify``, or ``fit`` for implicit representations."""
        return net_class(self.net).task

    def with_nets(self, nets: int) -> "Recipe":
        """The same recipe with another number of nets."""
        if nets < 1:
            raise ValueError(f"nets must be at least 1, got {nets}")
        return replace(self, nets=nets)


def _read_top(raw: Mapping[str, Any], where: str, faults: Faults) -> dict[str, Any]:
    known = [*TOP, *TABLES]
    for key in raw:
        if key not in known:
            hint = suggestion(key, known)
            faults.add(ValueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}{hint}"))
    for key, remedy in (
        ("name", 'write name = "my-zoo"'),
        ("nets", "write nets = 1000, of which --nets N builds the first N"),
    ):
        if key not in raw:
            faults.add(ValueError(f"{where}: {key} is missing: {remedy}"))
    top = {key: faults.without(coerce, raw[key], kind, f"{where}: {key}") for key, kind in TOP.items() if key in raw}
    for key, least, most in (("nets", 1, MOST_NETS), ("seed", -LARGEST_SEED, LARGEST_SEED)):
        if isinstance(top.get(key), int) and not least <= top[key] <= most:
            faults.add(ValueError(f"{where}: {key} must be at least {least:,} and at most {most:,}, got {top[key]}"))
    if top.get("draw") not in (None, "random", "grid"):
        faults.add(ValueError(f"{where}: draw must be one of random, grid, got {top['draw']!r}"))
    return top


def _read_net(table: dict[str, Any], where: str) -> tuple[str, Any]:
    """Name and class of the net; takes the name out of the table."""
    net = table.pop("name", None)
    if net is None:
        raise ValueError(f"{where}: [net] must have a name")
    if "dropout" in table:
        raise ValueError(f"{where}: [net]: dropout belongs to [train], where it can vary inside a stack")
    try:
        return net, net_class(coerce(net, str, "name"))
    except (ValueError, TypeError) as error:
        raise type(error)(f"{where}: [net]: {error}") from None


def _table(raw: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table = raw.get(key, {})
    if not isinstance(table, Mapping):
        raise TypeError(f"{where}: {key} must be a table, got {table!r}")
    return dict(table)


def _own_code(kind: Any, data: Mapping[str, Any], where: str) -> str:
    """Hex digest of what the recipe names that isn't the package's own."""
    try:
        codes = [kind.code if isinstance(kind, NetFactory) else "", data_code(**data)]
    except (ValueError, OSError) as error:
        raise ValueError(f"{where}: [data]: {error}") from None
    found = [code for code in codes if code]
    return hashlib.sha256("".join(found).encode()).hexdigest()[:16] if len(found) > 1 else "".join(found)


def _read_data(table: dict[str, Any], task: str, where: str, read_before: bool) -> dict[str, Any]:
    """The data and its settings; what was one's own where the recipe was first read may be missing here."""
    if "name" not in table:
        raise ValueError(f"{where} must have a name")
    try:
        known = data_settings(coerce(table["name"], str, "name"), task)
    except (ValueError, TypeError) as error:
        if read_before and isinstance(table["name"], str):
            return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        raise type(error)(f"{where}: {error}") from None
    for key in table:
        if key != "name" and key not in known:
            hint = suggestion(key, known)
            raise ValueError(f"{where}: unknown key {key!r}; known are name, {', '.join(known)}{hint}")
    return {
        key: value if key == "name" else coerce(value, known[key], f"{where}: {key}") for key, value in table.items()
    }


def _read_train(table: dict[str, Any], task: str, where: str) -> dict[str, Any]:
    ignored = [key for key in NOT_IN_FITS if key in table]
    if task == "fit" and ignored:
        raise ValueError(
            f"{where}: a fit sees every point at every step, so it takes no {', '.join(ignored)}; leave it out"
        )
    train = read_ranges(table, Hyperparameters, where)
    if ("steps" in train) == ("epochs" in train):
        raise ValueError(f"{where}: exactly one of steps and epochs must be given")
    return train
