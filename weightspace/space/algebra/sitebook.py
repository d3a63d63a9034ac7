"""Where neurons stand: sites are made and linked while the computation is traced."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weightspace.space.algebra.between import Joint, Way, ways
from weightspace.space.algebra.dims import Dim
from weightspace.space.algebra.value import Use, Value


@dataclass
class SiteDraft:
    """A site in the making; its axis is known when all axes are."""

    kind: str
    dims: tuple[Dim, ...] = ()
    activation: str = "none"
    slots: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


class SiteBook:
    """All sites, links and uses of parameters found so far.

    A site is looked up by what made it (``key``), so that a weight that is used again, as in an unrolled recurrence,
    leads to the same site again.
    """

    def __init__(self) -> None:
        self.sites: list[SiteDraft] = []
        self.links: dict[tuple[int, int, str], None] = {}
        self.uses: dict[str, Use] = {}
        self.joints: list[Joint] = []
        self._keys: dict[Hashable, int] = {}
        self._met: dict[tuple[str, int], set[tuple[int, ...]]] = {}  # what met at a site

    def site(self, key: Hashable, kind: str = "hidden", dims: Sequence[Dim] = ()) -> int:
        """The site made by ``key``, new if there is none yet."""
        if key not in self._keys:
            self._keys[key] = len(self.sites)
            self.sites.append(SiteDraft(kind, tuple(dims)))
        return self._keys[key]

    def link(self, sources: Sequence[int], target: int, kind: str) -> None:
        """Remember a step without weights."""
        for source in sources:
            if source != target:
                self.links[source, target, kind] = None

    def combined(self, kind: str, values: Sequence[Value], dims: Sequence[Dim]) -> tuple[int, ...]:
        """The sites of a value computed from several: the common one, or a new one linked from all."""
        found = list(dict.fromkeys(value.site for value in values if value.site))
        if len(found) <= 1:
            return found[0] if found else ()
        for site in found:
            # a state that meets again what it came from, as in an unrolled recurrence, stays where it is
            others = set(found) - {site}
            if len(site) == 1 and others <= self._met.get((kind, site[0]), set()):
                return site
        target = self.site((kind, *found), dims=dims)
        self._met.setdefault((kind, target), set()).update(found)
        for site in found:
            self.link(site, target, kind)
        return (target,)

    def meeting(self, kind: str, values: Sequence[Value], dims: Sequence[Dim]) -> tuple[int, ...]:
        """A new site where neurons are contracted with neurons, linked from all of theirs."""
        found = tuple(dict.fromkeys(value.site for value in values if value.site))
        target = self.site((kind, *found), dims=dims)
        for site in found:
            self.link(site, target, kind)
        return (target,)

    def single(self, site: tuple[int, ...], dims: Sequence[Dim]) -> int:
        """One site for the neurons of a concatenation."""
        if len(site) == 1:
            return site[0]
        target = self.site(("join", site), dims=dims)
        self.link(site, target, "identity")
        return target

    def activate(self, site: tuple[int, ...], name: str, settings: Mapping[str, Any] | None = None) -> None:
        """Neurons pass through a nonlinearity; the first one at a site names it."""
        for index in site:
            draft = self.sites[index]
            if draft.activation == "none" and draft.kind != "input":
                draft.activation = name
                draft.settings.update(settings or {})

    def weight(
        self,
        weight: Value,
        reads: Value | None,
        target: Sequence[int],
        source: Sequence[int],
        op: str,
        settings: Mapping[str, Any] | None = None,
    ) -> tuple[int, ...]:
        """A tensor of parameters leads from the neurons of ``reads`` to new neurons; returns their site.

        Args:
            target, source: axes of ``weight`` that lead to the output's neurons and that read the input's.
        """
        source_site = reads.site if reads is not None else ()
        ends = {param: (_axes_of(axes, target), _axes_of(axes, source)) for param, axes in weight.origin.items()}
        some_lead, some_read = (any(end[side] for end in ends.values()) for side in (0, 1))
        through = ways(self.joints, ends, source_site, self._between)
        site = self.site(("weight", *weight.origin), dims=[weight.dims[axis] for axis in target])
        for param, (outs, ins) in ends.items():
            if param in self.uses and self.uses[param].role == "weight":
                self._read_again(param, through[param].source_site if param in through else source_site)
                continue
            if param in through:
                self.uses[param] = _on_its_way(param, through[param], site, op, dict(settings or {}))
            elif outs and not ins and some_read:  # lengths of the rows of a matrix
                self.uses[param] = _factor(param, outs, site)
            elif ins and not outs and some_lead and len(source_site) == 1:
                self.uses[param] = _factor(param, ins, source_site[0])
            elif outs or ins:
                ins = tuple(axis for axis in ins if axis not in outs)
                self.uses[param] = Use(
                    param, "weight", op, "weight", outs, ins, site, source_site, dict(settings or {})
                )
        return (site,)

    def join(self, joint: Joint) -> None:
        """Remember parameters that are contracted with each other."""
        self.joints.append(joint)

    def _between(self, joint: Joint) -> int:
        return self.site(("between", *sorted(joint.axes)), dims=joint.dims)

    def _read_again(self, param: str, site: tuple[int, ...]) -> None:
        """A weight reads neurons of another site, too."""
        old = self.uses[param].source_site
        if not old:
            self.uses[param] = _with_source(self.uses[param], site)
        elif site and old != site:
            self.link(site, old[0], "shared")

    def vector(
        self, vector: Value, at: tuple[int, ...], slot: str, dims: Sequence[Dim], op: str, **settings: Any
    ) -> tuple[int, ...]:
        """A tensor of parameters acts on neurons where they stand; returns the site afterwards.

        A slot that another parameter holds already makes a new site, one step on.
        """
        if not at:
            return at
        site = self.single(at, dims)
        for param, axes in vector.origin.items():
            known = self.uses.get(param)
            if known is not None:
                if known.target_site is not None and known.target_site != site:
                    self.link([site], known.target_site, "shared")
                    site = known.target_site
                continue
            if slot == "bias" and "scale" in self.sites[site].slots:
                slot = "shift"
            if self.sites[site].slots.get(slot, param) != param or self.sites[site].kind == "input":
                after = self.site(("next", site, param), dims=dims)
                self.link([site], after, "identity")
                site = after
            self.sites[site].slots[slot] = param
            everywhere = tuple(sorted(set().union(*axes))) if axes else ()
            self.uses[param] = Use(param, "vector", op, slot, everywhere, (), site, (), settings)
        return (site,)


def _axes_of(axes: tuple[frozenset[int], ...], wanted: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(set().union(*(axes[axis] for axis in wanted)))) if wanted else ()


def _on_its_way(param: str, way: Way, site: int, op: str, settings: dict[str, Any]) -> Use:
    target_site = site if way.target_site is None else way.target_site
    if not way.source:
        return _factor(param, way.target, target_site)
    return Use(param, "weight", op, "weight", way.target, way.source, target_site, way.source_site, settings)


def _factor(param: str, axes: tuple[int, ...], site: int) -> Use:
    """A factor of weights, one number a neuron."""
    return Use(param, "factor", "elementwise", "other", axes, (), site, (), {})


def _with_source(use: Use, site: tuple[int, ...]) -> Use:
    return Use(use.param, use.role, use.op, use.slot, use.target, use.source, use.target_site, site, use.settings)
