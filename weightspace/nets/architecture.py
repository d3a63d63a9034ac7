"""An architecture: the name of a net and its settings, as one value."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from weightspace.nets.by_name import NETS, net_class
from weightspace.nets.factory import NetFactory
from weightspace.nets.net import Net
from weightspace.nets.settings import read_settings
from weightspace.reading import Unread


@dataclass(frozen=True)
class Architecture:
    """The name of a net and its settings: all that it takes to build one, without weights.

    It can be compared, hashed and pickled. What the settings leave out has the net's default.

    Args:
        net: in ``NETS``, or ``package.module:function`` of a net factory.
        settings: JSON values by name; tuples are kept as lists.

    Examples:
        >>> Architecture("mlp", {"in_features": 2, "hidden": [8], "out_features": 1}).build()
    """

    net: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType({key: _plain(v) for key, v in self.settings.items()}))

    def __hash__(self) -> int:
        return hash((self.net, frozenset((key, _hashable(value)) for key, value in self.settings.items())))

    def __reduce__(self) -> tuple[type, tuple]:
        return Architecture, (self.net, dict(self.settings))  # a read-only mapping can't be pickled

    @classmethod
    def of(cls, module: nn.Module) -> "Architecture":
        """What `build` made a module from, with every setting.

        Raises:
            TypeError: neither a net of ``NETS`` nor made by a net factory.
        """
        names: dict[type, str] = {kind: name for name, kind in NETS.items()}
        name = vars(module).get("net_factory") or names.get(type(module))
        if name is None:
            raise TypeError(
                f"module must be one of {', '.join(NETS)} or made by a net factory, got {type(module).__name__}"
            )
        return cls(name, cast(Net, module).settings)  # a factory's module was given them

    @cached_property
    def text(self) -> str:
        """Canonical JSON of ``[net, settings]``, whatever order the settings came in; `id` is its digest."""
        return json.dumps([self.net, dict(self.settings)], sort_keys=True)

    @property
    def id(self) -> str:
        """Twelve hex digits that stand for it: the name of its weight space in a zoo."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def build(self, seed: int = 0) -> nn.Module:
        """A net with fresh weights, in training mode; what a factory's own code draws depends on ``seed`` alone.

        Raises:
            ValueError: an unknown net, key or value.
            TypeError: a setting of the wrong type.
        """
        kind = net_class(self.net)
        config = read_settings(kind.Config, self.settings, f"net {self.net!r}")
        return kind.build(config, seed) if isinstance(kind, NetFactory) else kind(config)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        return {"net": self.net, "settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Architecture":
        """Reads what `to_dict` wrote; whether there is such a net is asked when it is built.

        Raises:
            ValueError: a missing or unknown key, or a value of another type; names the place.
        """
        return Unread(data, "architecture").record(cls, complete=True)


def build_net(name: str, /, **settings: Any) -> nn.Module:
    """Makes a net of the list ``NETS``, or of a factory by its import path; short for ``Architecture(...).build()``.

    Raises:
        ValueError: an unknown name, key or value.
        TypeError: a setting of the wrong type.

    Examples:
        >>> build_net("mlp", in_features=2, hidden=[8], out_features=1)(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """
    return Architecture(name, settings).build()


def _plain(value: Any) -> Any:
    """A copy in which tuples are lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(inner)) for key, inner in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
