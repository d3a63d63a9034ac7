"""A recipe: everything that a zoo is made from."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from weightspace.data import data_settings
from weightspace.nets import NetFactory, net_class
from weightspace.nets.settings import coerce, read_settings
from weightspace.zoo.recipe.gallery import gallery_path
from weightspace.zoo.recipe.hyperparameters import Hyperparameters
from weightspace.zoo.recipe.ranges import is_axis, read_axes
from weightspace.zoo.recipe.tables import Fit, Save, Split, Store
from weightspace.zoo.recipe.toml_text import write_toml

TOP = {"name": str, "description": str, "source": str, "nets": int, "seed": int, "draw": str, "code": str}
METRICS = {
    "classify": ("train_loss", "val_loss", "test_loss", "train_accuracy", "val_accuracy", "test_accuracy", "gap"),
    "fit": ("mse", "psnr"),
}
TABLES = ("data", "net", "train", "fit", "save", "split", "store")


@dataclass(frozen=True)
class Recipe:
    """Everything that a zoo is made from, read from TOML and checked.

    In ``[net]`` and ``[train]`` a value is fixed (``lr = 0.1``), a list of choices (``lr = [0.1, 0.01]``) or a range
    (``lr = {low = 1e-4, high = 1e-1, log = true}``). Two recipes with the same ``hash`` make the same nets; the number
    of nets is not part of it, because a longer zoo begins with the shorter one. ``code`` is the digest of a net
    factory's source, and empty for the nets of ``weightspace.nets``.

    Example:
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
        return cls.from_toml(path.read_text(encoding="utf-8"), str(path))

    @classmethod
    def from_toml(cls, text: str, where: str = "recipe") -> "Recipe":
        """Reads TOML; ``where`` starts every error text."""
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{where}: not valid TOML: {error}") from None
        return cls._read(raw, text, where)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], where: str = "recipe") -> "Recipe":
        """Reads the same from Python, where the net may also be a function marked with ``net_factory``.

        Example:
            >>> Recipe.from_dict({
            ...     "name": "thin", "nets": 64, "data": {"name": "digits"},
            ...     "net": {"name": my_nets.thin, "width": [4, 8, 16]},
            ...     "train": {"lr": {"low": 1e-3, "high": 1e-1, "log": True}, "steps": 300},
            ... })
        """
        content = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
        net = content.get("net")
        if isinstance(net, dict) and callable(net.get("name")):
            if not isinstance(net["name"], NetFactory):
                raise TypeError(f"{where}: [net]: name: mark {net['name']!r} with @net_factory(inputs=...) first")
            net["name"] = net["name"].path
        return cls.from_toml(write_toml(content), where)

    @classmethod
    def _read(cls, raw: Mapping[str, Any], text: str, where: str) -> "Recipe":
        top = _read_top(raw, where)
        tables = {key: _table(raw, key, where) for key in TABLES}
        net = tables["net"].pop("name", None)
        if net is None:
            raise ValueError(f"{where}: [net] must have a name")
        if "dropout" in tables["net"]:
            raise ValueError(f"{where}: [net]: dropout belongs to [train], where it can vary inside a stack")
        try:
            kind = net_class(coerce(net, str, "name"))
        except (ValueError, TypeError) as error:
            raise type(error)(f"{where}: [net]: {error}") from None
        if isinstance(kind, NetFactory) and "code" not in raw:
            top["code"] = kind.code
            text = f'code = "{kind.code}"  # digest of the net factory\n{text}'
        return cls(
            **top,
            data=_read_data(tables["data"], kind.task, f"{where}: [data]"),
            net=net,
            architecture=read_axes(tables["net"], kind.Config, f"{where}: [net]"),
            train=_read_train(tables["train"], f"{where}: [train]"),
            fit=read_settings(Fit, tables["fit"], f"{where}: [fit]"),
            save=read_settings(Save, tables["save"], f"{where}: [save]"),
            split=read_settings(Split, tables["split"], f"{where}: [split]"),
            store=read_settings(Store, tables["store"], f"{where}: [store]"),
            text=text,
        )

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
        return (self.net.partition(":")[0],) if ":" in self.net else ()

    @property
    def axes(self) -> dict[str, Any]:
        """What varies from net to net, by name."""
        return {key: value for key, value in {**self.architecture, **self.train}.items() if is_axis(value)}

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured on every saved state."""
        return METRICS[self.task]

    @property
    def task(self) -> str:
        """``classify``, or ``fit`` for implicit representations."""
        return net_class(self.net).task

    def with_nets(self, nets: int) -> "Recipe":
        """The same recipe with another number of nets."""
        if nets < 1:
            raise ValueError(f"nets must be at least 1, but {nets} came")
        return replace(self, nets=nets)


def _read_top(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = [*TOP, *TABLES]
    for key in raw:
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}; known are {', '.join(known)}")
    for key in ("name", "nets"):
        if key not in raw:
            raise ValueError(f"{where}: {key} is missing")
    top = {key: coerce(raw[key], kind, f"{where}: {key}") for key, kind in TOP.items() if key in raw}
    if top["nets"] < 1:
        raise ValueError(f"{where}: nets must be at least 1, but {top['nets']} came")
    if top.get("draw", "random") not in ("random", "grid"):
        raise ValueError(f"{where}: draw must be one of random, grid, but {top['draw']!r} came")
    return top


def _table(raw: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    table = raw.get(key, {})
    if not isinstance(table, Mapping):
        raise TypeError(f"{where}: {key} must be a table, but {table!r} came")
    return dict(table)


def _read_data(table: dict[str, Any], task: str, where: str) -> dict[str, Any]:
    if "name" not in table:
        raise ValueError(f"{where} must have a name")
    try:
        known = data_settings(coerce(table["name"], str, "name"), task)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{where}: {error}") from None
    for key in table:
        if key != "name" and key not in known:
            raise ValueError(f"{where}: unknown key {key!r}; known are name, {', '.join(known)}")
    return {
        key: value if key == "name" else coerce(value, known[key], f"{where}: {key}") for key, value in table.items()
    }


def _read_train(table: dict[str, Any], where: str) -> dict[str, Any]:
    train = read_axes(table, Hyperparameters, where)
    if ("steps" in train) == ("epochs" in train):
        raise ValueError(f"{where}: exactly one of steps and epochs must be given")
    return train
