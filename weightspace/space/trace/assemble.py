"""From a finished trace to a `WeightSpace`: names, notation, places of tensors, sites."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from weightspace.space.algebra.dims import Dim, factors, find, is_fixed
from weightspace.space.algebra.sitebook import SiteBook, SiteDraft
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Use, Value
from weightspace.space.axes import Atom, Axis, Product, Sum, product_of
from weightspace.space.parts import Group, Link, Site, TensorSpec
from weightspace.space.trace.naming import Names, base_name


class Assembly:
    """Puts the parts of a weight space together.

    Args:
        tracer: after the trace. values: of every tensor of the state dict. tensors: the state dict.
        inputs, outputs: the module's input and output values.
    """

    def __init__(
        self,
        tracer: Tracer,
        values: Mapping[str, Value],
        tensors: Mapping[str, Tensor],
        inputs: Sequence[Value],
        outputs: Sequence[Value],
    ):
        self.book: SiteBook = tracer.book
        self.values, self.tensors = values, tensors
        self.names = _name_all(tracer, values, inputs, outputs)
        self.axes = {name: tuple(map(self.names.axis, value.dims)) for name, value in values.items()}
        self.places: list[Axis | None] = [self._draft_axis(draft.dims) for draft in self.book.sites]
        self.kinds = [draft.kind for draft in self.book.sites]
        for value in outputs:
            for index in value.site:
                if self.kinds[index] == "hidden":
                    self.kinds[index] = "output"
        self.links = dict(self.book.links)
        self.origin: list[int | None] = list(range(len(self.places)))  # the draft behind each site
        self.parameters: set[str] = set()

    def groups(self) -> dict[str, Group]:
        """The group of each name, with permutations only."""
        return {
            name: Group(size, free, ("permutation",) if free else ())
            for name, (size, free) in self.names.sizes().items()
        }

    def specs(self, buffers: set[str], same: Mapping[str, str]) -> dict[str, TensorSpec]:
        """The spec of every tensor of the state dict.

        Args:
            buffers: names of tensors that aren't parameters. same: for each tied tensor the name under which it was
                traced.
        """
        placed = {name: self._spec(name) for name in self.values}
        return {
            name: TensorSpec(**{**vars(placed[same.get(name, name)]), "buffer": name in buffers})
            for name in self.tensors
        }

    def sites(self) -> tuple[tuple[Site, ...], tuple[Link, ...]]:
        """All sites and links; call it after `specs`, which may add some."""
        depth = self._depths()
        taken: dict[str, int] = {}
        result = []
        for index, axis in enumerate(self.places):
            behind = self.origin[index]
            draft = SiteDraft("hidden") if behind is None else self.book.sites[behind]
            kind = "hidden" if behind is None else self.kinds[behind]
            axis = axis if axis is not None else Atom(None, 1)
            name = _site_name(str(axis), kind, taken)
            result.append(Site(name, axis, kind, draft.activation, depth[index], dict(draft.settings)))
        return tuple(result), tuple(Link(*link) for link in self.links)

    # ---- sites ------------------------------------------------------------------------------------------------------

    def _draft_axis(self, dims: Sequence[Dim]) -> Axis | None:
        """The neurons of a site: its axes that can move, or the single fixed one that has a name."""
        moving = [dim for dim in dims if not is_fixed(dim)]
        named = [dim for dim in dims if find(dim) in self.names.fixed]
        chosen = moving or named[-1:]
        return product_of(tuple(map(self.names.axis, chosen))) if chosen else None

    def _extra_site(self, axis: Axis, beside: int | None, before: bool) -> int:
        """A site with its own axis beside another one, for a tensor that sees those neurons in another arrangement."""
        if beside is not None and self.places[beside] is None:
            self.places[beside] = axis
            return beside
        for index in range(len(self.book.sites), len(self.places)):
            if self.places[index] == axis and beside is not None and self.origin[index] == self.origin[beside]:
                return index
        self.places.append(axis)
        self.origin.append(None if beside is None else self.origin[beside])
        if beside is not None:
            ends = (len(self.places) - 1, beside) if before else (beside, len(self.places) - 1)
            self.links[(*ends, "identity")] = None
        return len(self.places) - 1

    def _depths(self) -> list[int]:
        """Length of the longest path of weights to each site, along steps from earlier sites to later ones."""
        steps: list[list[tuple[int, int]]] = [[] for _ in self.places]
        for source, target, _ in self.links:
            steps[target].append((source, 0))
        for spec in self._placed.values():
            for source in spec.source_sites:
                if source is not None and spec.target_site is not None:
                    steps[spec.target_site].append((source, 1))
        depth = [0] * len(self.places)
        for _ in range(2):  # a second round for the few sites that were made out of order
            for target, before in enumerate(steps):
                depth[target] = max([depth[target], *(depth[s] + step for s, step in before if s < target)])
        return depth

    # ---- tensors ----------------------------------------------------------------------------------------------------

    def _spec(self, name: str) -> TensorSpec:
        axes, use = self.axes[name], self.book.uses.get(name)
        dtype = str(self.values[name].dtype).removeprefix("torch.")
        spec = TensorSpec(axes, dtype=dtype)
        if use is not None:
            place = self._weight(axes, use) if use.role == "weight" else self._vector(axes, use)
            spec = TensorSpec(axes, **place, op=use.op, settings=dict(use.settings), dtype=dtype)
        self._placed = {**getattr(self, "_placed", {}), name: spec}
        return spec

    def _weight(self, axes: tuple[Axis, ...], use: Use) -> dict[str, Any]:
        target = use.target or ()
        if not target or use.target_site is None:
            return {}
        site = use.target_site
        wanted = product_of(tuple(axes[axis] for axis in target))
        if self.places[site] != wanted:
            site = self._extra_site(wanted, site, before=True)
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
            return (self._joined(_neurons(source), beside),)
        first = beside[0] if beside else None
        return (self._source(source, first, axes, use),)

    def _joined(self, wanted: Axis, beside: Sequence[int]) -> int:
        """The site of a concatenation that isn't read term by term, as one that was flattened."""
        linked = {(source, target) for source, target, _ in self.links}
        for site, place in enumerate(self.places):
            if place == wanted and all((one, site) in linked for one in beside):
                return site
        joined = self._extra_site(wanted, beside[0], before=False)
        self.links.update({(one, joined, "identity"): None for one in beside})
        return joined

    def _source(self, term: Axis | None, site: int | None, axes: tuple[Axis, ...], use: Use) -> int | None:
        """A site whose neurons are all found among the tensor's axes; another one beside it if they aren't."""
        if site is None and term is None:
            return None
        place = self.places[site] if site is not None else None
        others = [atom for axis in axes for atom in axis.atoms()]
        known = [*(term.atoms() if term is not None else ()), *others]
        if place is not None and not isinstance(place, Sum) and all(atom in known for atom in place.atoms()):
            return site
        if place is not None and place == term:
            return site
        wanted = _neurons(term) if term is not None else product_of(tuple(axes[axis] for axis in use.target))
        return self._extra_site(wanted, site, before=False)

    def _vector(self, axes: tuple[Axis, ...], use: Use) -> dict[str, Any]:
        """A vector sits where its axes spell the site's neurons."""
        site = use.target_site
        assert site is not None
        place = self.places[site]
        named = [index for index, axis in enumerate(axes) if any(atom.name for atom in axis.atoms())]
        if not named:
            return {}
        spelled = product_of(tuple(axes[index] for index in named))
        if place != spelled:
            site = self._extra_site(spelled, site, before=True)
        return {"role": "vector", "target": tuple(named), "target_site": site, "slot": use.slot}


def _name_all(tracer: Tracer, values: Mapping[str, Value], inputs: Sequence[Value], outputs: Sequence[Value]) -> Names:
    names = Names()
    uses = tracer.book.uses
    hints = {find(dim): hint for dim, hint in tracer.hints.items()}
    for dim, hint in tracer.hints.items():
        factors_of = [factor for factor in factors(dim) if not is_fixed(factor)]
        if len(factors_of) == 1:
            hints.setdefault(find(factors_of[0]), hint)
    for name, value in values.items():
        if name in uses and uses[name].role == "weight":
            names.name_leaves([value.dims[axis] for axis in uses[name].target], base_name(name), hints)
    for name, value in values.items():
        names.name_leaves(value.dims, base_name(name), hints)
    ends = {index for value in outputs for index in value.site}
    entering = {find(dim) for value in inputs for dim in value.dims if dim.size > 1}
    leaving = {find(dim) for value in outputs for dim in value.dims if dim.size > 1}
    for name, value in values.items():
        if name in uses and uses[name].role == "weight":
            for axis in (*uses[name].target, *uses[name].source):
                is_source = axis in uses[name].source
                _name_fixed(names, value.dims[axis], name, is_source, entering, leaving, ends, uses[name], tracer)
    return names


def _name_fixed(
    names: Names,
    dim: Dim,
    tensor: str,
    is_source: bool,
    entering: set[Dim],
    leaving: set[Dim],
    ends: set[int],
    use: Use,
    tracer: Tracer,
) -> None:
    if not is_fixed(dim):
        return
    root = find(dim)
    sites = use.source_site if is_source else (use.target_site,)
    reads_input = is_source and any(tracer.book.sites[site].kind == "input" for site in sites if site is not None)
    if root in entering or reads_input:
        names.name_fixed(dim, "in")
    elif root in leaving or (not is_source and use.target_site in ends):
        names.name_fixed(dim, "out")
    else:
        names.name_fixed(dim, f"{base_name(tensor)}.fixed")


def _neurons(axis: Axis) -> Axis:
    """The neurons behind a flattened axis: its named factors."""
    if isinstance(axis, Product):
        named = tuple(factor for factor in axis.factors if any(atom.name for atom in factor.atoms()))
        return product_of(named) if named else axis
    return axis


def _site_name(axis: str, kind: str, taken: dict[str, int]) -> str:
    base = axis if kind == "hidden" else kind
    taken[base] = taken.get(base, 0) + 1
    return base if taken[base] == 1 else f"{base}@{taken[base]}"
