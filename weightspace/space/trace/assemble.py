"""From a finished trace to the parts of a `WeightSpace`: notation, places of tensors, sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from weightspace.space.algebra.record import Record
from weightspace.space.algebra.value import Use, Value
from weightspace.space.axes import Axis, Product, Sum, product_of
from weightspace.space.parts import Link, Site, TensorSpec
from weightspace.space.trace.naming import Names, name_all
from weightspace.space.trace.sites import SitePlan


@dataclass(frozen=True)
class Assembly:
    """The parts of a weight space: the names of its leaves, the spec of each traced tensor, sites and links."""

    names: Names
    specs: Mapping[str, TensorSpec]
    sites: tuple[Site, ...]
    links: tuple[Link, ...]

    def of_tensors(
        self, tensors: Mapping[str, Tensor], buffers: set[str], same: Mapping[str, str]
    ) -> dict[str, TensorSpec]:
        """The spec of every tensor of a state dict.

        Args:
            buffers: names of tensors that aren't parameters. same: for each tied tensor the name under which it was
                traced.
        """
        return {name: replace(self.specs[same.get(name, name)], buffer=name in buffers) for name in tensors}


def assemble(
    record: Record, values: Mapping[str, Value], inputs: Sequence[Value], outputs: Sequence[Value]
) -> Assembly:
    """Put the parts of a weight space together.

    Args:
        record: of the whole trace. values: of every tensor that was traced.
        inputs, outputs: the module's input and output values.
    """
    names = name_all(record, values, inputs, outputs)
    placing = _Placing(SitePlan(record.book, names, outputs))
    specs = {
        name: placing.spec(tuple(map(names.axis, value.dims)), value, record.book.uses.get(name))
        for name, value in values.items()
    }
    return Assembly(names, specs, *placing.plan.finished(specs.values()))


class _Placing:
    """Finds the place of one tensor after the other; the plan gets the sites that they ask for."""

    def __init__(self, plan: SitePlan):
        self.plan = plan

    def spec(self, axes: tuple[Axis, ...], value: Value, use: Use | None) -> TensorSpec:
        """A tensor's axes and place."""
        dtype = str(value.dtype).removeprefix("torch.")
        if use is None:
            return TensorSpec(axes, dtype=dtype)
        place = self._weight(axes, use) if use.role == "weight" else self._vector(axes, use)
        return TensorSpec(axes, **place, op=use.op, settings=dict(use.settings), dtype=dtype)

    def _weight(self, axes: tuple[Axis, ...], use: Use) -> dict[str, Any]:
        target = use.target or ()
        if not target or use.target_site is None:
            return {}
        site = use.target_site
        wanted = product_of(tuple(axes[axis] for axis in target))
        if self.plan.places[site] != wanted:
            site = self.plan.beside(wanted, site, before=True)
        if not use.source and not use.source_site:
            return {"role": "vector", "target": target, "target_site": site, "slot": "other"}
        sources = self._sources(axes, use)
        return {
            "role": "weight", "target": target, "source": use.source, "target_site": site,
            "source_sites": sources, "slot": "weight",
        }  # fmt: skip

    def _sources(self, axes: tuple[Axis, ...], use: Use) -> tuple[int | None, ...]:
        source = product_of(tuple(axes[axis] for axis in use.source)) if use.source else None
        beside = use.source_site
        if isinstance(source, Sum) and len(beside) == len(source.terms):
            return tuple(self._source(term, index, axes, use) for term, index in zip(source.terms, beside, strict=True))
        if source is not None and len(beside) > 1:
            return (self.plan.joined(_neurons(source), beside),)
        first = beside[0] if beside else None
        return (self._source(source, first, axes, use),)

    def _source(self, term: Axis | None, site: int | None, axes: tuple[Axis, ...], use: Use) -> int | None:
        """A site whose neurons are all found among the tensor's axes; another one beside it if they aren't."""
        if site is None and term is None:
            return None
        place = self.plan.places[site] if site is not None else None
        others = [atom for axis in axes for atom in axis.atoms()]
        known = [*(term.atoms() if term is not None else ()), *others]
        if place is not None and not isinstance(place, Sum) and all(atom in known for atom in place.atoms()):
            return site
        if place is not None and place == term:
            return site
        wanted = _neurons(term) if term is not None else product_of(tuple(axes[axis] for axis in use.target))
        return self.plan.beside(wanted, site, before=False)

    def _vector(self, axes: tuple[Axis, ...], use: Use) -> dict[str, Any]:
        """A vector sits where its axes spell the site's neurons."""
        site = use.target_site
        assert site is not None
        place = self.plan.places[site]
        named = [index for index, axis in enumerate(axes) if any(atom.name for atom in axis.atoms())]
        if not named or (use.role == "factor" and not set(named) <= set(use.target)):
            return {}  # of a factor with more axes: they were summed over, and nothing says with what
        spelled = product_of(tuple(axes[index] for index in named))
        if place != spelled:
            site = self.plan.beside(spelled, site, before=True)
        return {"role": "vector", "target": tuple(named), "target_site": site, "slot": use.slot}


def _neurons(axis: Axis) -> Axis:
    """The neurons behind a flattened axis: its named factors."""
    if isinstance(axis, Product):
        named = tuple(factor for factor in axis.factors if any(atom.name for atom in factor.atoms()))
        return product_of(named) if named else axis
    return axis
