"""The parts a weight space is made of: tensors, groups of neurons, sites, links and scale-like actions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

from weightspace.space.axes import Atom, Axis, format_axes

ROLES = ("weight", "vector", "other")
SLOTS = ("weight", "bias", "scale", "shift", "mean", "var", "other")
KINDS = ("permutation", "scale", "sign", "phase", "linear", "orthogonal", "complex")
MODES = ("both", "train", "eval")


@dataclass(frozen=True)
class TensorSpec:
    """What the axes of one tensor mean.

    Args:
        axes: one entry an axis.
        role: ``"weight"`` leads from source to target neurons, ``"vector"`` sits on the neurons of one site,
            ``"other"`` belongs to no neuron (counters, lookups that nothing could place).
        target: which axes are the target neurons.
        source: which are the source neurons (none for depthwise kernels).
        target_site: index of the site of the target neurons.
        source_sites: one for each term of the source axis if that is a sum, else one.
        slot: what a vector is to its neurons: bias, scale, shift, mean, var; ``"weight"`` for weights.
        op: the operator that reads the tensor: linear, conv, norm, embedding, matmul, elementwise, other.
        settings: that operator's settings, JSON values.
        dtype: the name of the torch type.
        buffer: not a parameter.
    """

    axes: tuple[Axis, ...]
    role: str = "other"
    target: tuple[int, ...] = ()
    source: tuple[int, ...] = ()
    target_site: int | None = None
    source_sites: tuple[int | None, ...] = ()
    slot: str = "other"
    op: str = "other"
    settings: Mapping[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    buffer: bool = False

    @cached_property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes of the axes; None where a name has no size yet."""
        return tuple(axis.size for axis in self.axes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape, where every name has a size.

        Raises:
            ValueError: one has none yet.
        """
        found = tuple(size for size in self.shape if size is not None)
        if len(found) < len(self.axes):
            raise ValueError(f"Every axis must have a size, got {' '.join(map(str, self.axes))!r}; give parse() sizes.")
        return found

    @property
    def numel(self) -> int:
        """Number of entries."""
        return prod([size or 0 for size in self.shape])

    def atoms(self) -> tuple[Atom, ...]:
        """All atoms of all axes, from left to right."""
        return tuple(atom for axis in self.axes for atom in axis.atoms())

    def to_dict(self) -> dict[str, Any]:
        """JSON values, as `WeightSpace.from_dict` reads them."""
        return {
            "axes": format_axes(self.axes),
            "role": self.role,
            "target": list(self.target),
            "source": list(self.source),
            "target_site": self.target_site,
            "source_sites": list(self.source_sites),
            "slot": self.slot,
            "op": self.op,
            "settings": dict(self.settings),
            "dtype": self.dtype,
            "buffer": self.buffer,
        }


@dataclass(frozen=True)
class Group:
    """A set of neurons with one name: its size, whether it is free, and the kinds of symmetry that hold."""

    size: int | None
    free: bool = True
    kinds: tuple[str, ...] = ("permutation",)


@dataclass(frozen=True)
class Site:
    """A place in the computation where neurons stand; every entry of ``axis`` is one neuron.

    Args:
        name: unique within the space.
        axis: the neurons.
        kind: ``"input"``, ``"hidden"`` or ``"output"``.
        activation: the nonlinearity that the neurons pass through here, or ``"none"``.
        depth: length of the longest path of weights from an input.
        settings: of the activation (for example ``w0``).
    """

    name: str
    axis: Axis
    kind: str = "hidden"
    activation: str = "none"
    depth: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A step without weights from site ``source`` to site ``target``; joins neurons that agree on every shared name."""

    source: int
    target: int
    kind: str


@dataclass(frozen=True)
class Action:
    """A scale, sign or phase symmetry of the neurons of one name, beyond their permutation.

    A vector ``f`` with one entry a neuron acts on a tensor by multiplying it with ``f ** power`` along each listed
    atom. For a phase, ``f`` holds whole half-turns ``k``: listed atoms are multiplied with ``(-1) ** k`` and
    ``k * shift`` is added to the tensors in ``shifts``.

    Args:
        name: the free name.
        kind: ``"scale"`` (f > 0), ``"sign"`` (f = +-1) or ``"phase"``.
        powers: for each tensor, triples of axis, occurrence of the atom within that axis, and power.
        shifts: for each shifted tensor the value of half a turn.
        mode: of the module in which it holds: ``"both"``, or only in ``"train"`` or ``"eval"`` (a factor before a batch
            norm is undone by its running statistics, not by the batch's).
    """

    name: str
    kind: str
    powers: Mapping[str, tuple[tuple[int, int, int | float], ...]]
    shifts: Mapping[str, int | float] = field(default_factory=dict)
    mode: str = "both"

    def to_dict(self) -> dict[str, Any]:
        """JSON values, as `WeightSpace.from_dict` reads them."""
        powers = {name: [list(power) for power in powers] for name, powers in self.powers.items()}
        mode = {} if self.mode == "both" else {"mode": self.mode}
        return {"name": self.name, "kind": self.kind, "powers": powers, "shifts": dict(self.shifts), **mode}
