"""WeightSpace: what every axis of every tensor of an architecture means, as a value without weights."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from weightspace.reading import Unread, read_json
from weightspace.space.explain import explain_tensor
from weightspace.space.fitting import check_weights
from weightspace.space.matrices import MatrixGroup
from weightspace.space.parts import Action, Group, Link, Site, TensorSpec
from weightspace.space.read import FORMAT, read_parts
from weightspace.space.references import check_references
from weightspace.space.report import Report
from weightspace.space.symmetry import Symmetry, identity_symmetry, random_symmetry
from weightspace.space.table import space_table


@dataclass(frozen=True, eq=False, repr=False)
class WeightSpace:
    """The axes of all tensors of an architecture, and the symmetries that follow.

    Found by `trace`, or written by hand with `parse`. Two spaces are equal when tensors, names, sites, links and
    actions are; how they were found (`report`) doesn't count.

    Args:
        tensors: a `TensorSpec` for every tensor of the state dict.
        names: a `Group` for every name in them.
        sites: where neurons stand.
        links: steps without weights between sites.
        actions: the scale, sign and phase symmetries that hold in training as in evaluation.
        report: what `trace` found out on the way, or None.
        modal: the actions that hold in one mode alone; `in_mode` adds them to the others.
        matrices: the groups of matrices that mix neurons.
    """

    tensors: Mapping[str, TensorSpec]
    names: Mapping[str, Group]
    sites: tuple[Site, ...] = ()
    links: tuple[Link, ...] = ()
    actions: tuple[Action, ...] = ()
    report: Report | None = field(default=None)
    modal: tuple[Action, ...] = ()
    matrices: tuple[MatrixGroup, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    # ---- making one -------------------------------------------------------------------------------------------------

    @classmethod
    def trace(
        cls,
        module: nn.Module,
        *args: Any,
        verify: bool = True,
        free_unused: bool = False,
        dynamic_shapes: Any = None,
        **kwargs: Any,
    ) -> "WeightSpace":
        """Find the weight space of a module from its computation; see `weightspace.space.trace.trace`."""
        from weightspace.space.trace.trace import trace

        return trace(module, *args, verify=verify, free_unused=free_unused, dynamic_shapes=dynamic_shapes, **kwargs)

    @classmethod
    def parse(
        cls,
        axes: Mapping[str, str],
        free: Sequence[str] | None = None,
        sizes: Mapping[str, int] | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> "WeightSpace":
        """Write a weight space by hand; see `weightspace.space.parse`."""
        from weightspace.space.parse import parse

        return parse(axes, free, sizes, weights)

    def in_mode(self, mode: str) -> "WeightSpace":
        """The space with the symmetries that hold only in ``"eval"``, or only in ``"train"``, among its actions.

        By default a space holds what is true in both, so that a net that was moved can be trained on.

        Raises:
            ValueError: the mode is neither of the two.
        """
        if mode not in ("train", "eval"):
            raise ValueError(f'The mode must be "train" or "eval", got {mode!r}.')
        added = tuple(action for action in self.modal if action.mode == mode)
        kinds = {name: [action.kind for action in added if action.name == name] for name in self.names}
        names = {n: replace(g, kinds=tuple(dict.fromkeys((*g.kinds, *kinds[n])))) for n, g in self.names.items()}
        return replace(self, names=names, actions=(*self.actions, *added), modal=())

    # ---- what holds -------------------------------------------------------------------------------------------------

    @property
    def free(self) -> tuple[str, ...]:
        """The names whose neurons can be permuted."""
        return tuple(name for name, group in self.names.items() if group.free)

    @property
    def moved(self) -> float:
        """Fraction of the parameters that some permutation moves to another place."""
        specs = [spec for spec in self.tensors.values() if not spec.buffer]
        free = {name for name in self.free if (self.names[name].size or 0) > 1}
        moved = sum(spec.numel for spec in specs if any(atom.name in free for atom in spec.atoms()))
        return moved / max(1, sum(spec.numel for spec in specs))

    def check(self, weights: Mapping[str, Tensor]) -> int | None:
        """See that weights fit.

        Returns:
            None for one net, N for a stack of N nets (every tensor with a leading axis N).

        Raises:
            ValueError: a tensor is missing, unknown, or has another shape; the message names it and both shapes.
        """
        return check_weights(self, weights)

    # ---- acting on weights ------------------------------------------------------------------------------------------

    def identity(self) -> Symmetry:
        """The symmetry that leaves everything where it is."""
        return identity_symmetry(self)

    def random_symmetry(
        self,
        generator: torch.Generator | None = None,
        kinds: Sequence[str] = ("permutation",),
        batch: int | None = None,
    ) -> Symmetry:
        """Draw one symmetry: a permutation a free name, and scales, signs and phases if ``kinds`` names them.

        Args:
            generator: source of randomness; None draws from torch's default one.
            kinds: any of ``"permutation"``, ``"scale"``, ``"sign"``, ``"phase"``, ``"linear"``.
            batch: draw this many, one for each net of a stack.
        """
        return random_symmetry(self, generator, kinds, batch)

    def apply(
        self, symmetry: Symmetry, weights: Mapping[str, Tensor], out: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Act on the weights of one net, or of each net of a stack; the function they compute stays the same.

        Args:
            symmetry: what acts. weights: of one net, or of a stack.
            out: tensors to write into, like the weights; may be the weights themselves, which then change in place.

        Raises:
            ValueError: the weights, the symmetry or ``out`` don't fit the space or each other.
        """
        from weightspace.space.moving.apply import apply_symmetry

        return apply_symmetry(self, symmetry, weights, out)

    def canonicalize(self, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Symmetry]:
        """The canonical member of the weights' orbit, and the symmetry that leads to it."""
        from weightspace.space.forms.canonical import canonicalize

        return canonicalize(self, weights)

    def verify(self, module: nn.Module, *args: Any, **kwargs: Any) -> Report:
        """Act on a module's weights at random in float64 and compare outputs; see `weightspace.space.trace.verify`."""
        from weightspace.space.trace.verify import verify

        return verify(self, module, args, kwargs)

    # ---- as text ----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """JSON values of the caller's own; `from_dict` reads them back."""
        return deepcopy(self._value) | {"report": asdict(self.report) if self.report else None}

    @cached_property
    def _value(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "tensors": {name: spec.to_dict() for name, spec in self.tensors.items()},
            "names": {name: [group.size, group.free, list(group.kinds)] for name, group in self.names.items()},
            "sites": [{**vars(site), "axis": str(site.axis), "settings": dict(site.settings)} for site in self.sites],
            "links": [[link.source, link.target, link.kind] for link in self.links],
            "actions": [action.to_dict() for action in self.actions],
            **({"modal": [action.to_dict() for action in self.modal]} if self.modal else {}),
            **({"matrices": [group.to_dict() for group in self.matrices]} if self.matrices else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WeightSpace":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: it was written by a newer format, a field is missing, unknown or of another type, or refers to
                something that there isn't; names the place.
        """
        return _from_outside(Unread(data, "weight space"))

    def to_json(self) -> str:
        """This space as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "WeightSpace":
        """Read what `to_json` wrote; raises as `from_dict` does, and where it isn't JSON."""
        if not isinstance(text, str | bytes):
            raise TypeError(f"A weight space is read from JSON text, got {type(text).__name__}.")
        return _from_outside(read_json(text, "weight space"))

    @cached_property
    def hash(self) -> str:
        """16 hexadecimal digits that depend on the value alone, the same on every machine."""
        text = json.dumps(self._value, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return type(self).from_json, (self.to_json(),)  # the mappings inside can't be pickled or copied by themselves

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, WeightSpace) and self.hash == other.hash)

    def __hash__(self) -> int:
        return int(self.hash, 16)

    def __repr__(self) -> str:
        return space_table(self)

    def explain(self, tensor: str) -> str:
        """Plain sentences on one tensor: what each axis is, and why it is free or fixed (by which operator, where).

        Raises:
            ValueError: the space has no such tensor.
        """
        return explain_tensor(self, tensor)


def _from_outside(unread: Unread) -> WeightSpace:
    try:
        space = WeightSpace(**read_parts(unread))
    except RecursionError:
        raise ValueError(f"{unread.place} must be nested less deeply.") from None
    check_references(space, unread.place)
    return space
