"""The sites of a finished trace: where they stand, those that tensors ask for besides, and their links."""

from collections.abc import Iterable, Sequence

from weightspace.space.algebra.dims import Dim, find, is_fixed
from weightspace.space.algebra.sitebook import SiteBook, SiteDraft
from weightspace.space.algebra.value import Value
from weightspace.space.axes import Atom, Axis, product_of
from weightspace.space.parts import Link, Site, TensorSpec
from weightspace.space.trace.naming import Names


class SitePlan:
    """Where neurons stand, with their axes in the notation.

    Args:
        book: the sites found while tracing.
        names: of the axes.
        outputs: the module's output values.
    """

    def __init__(self, book: SiteBook, names: Names, outputs: Sequence[Value]):
        self.book, self.names = book, names
        self.places: list[Axis | None] = [self._draft_axis(draft.dims) for draft in book.sites]
        ends = {index for value in outputs for index in value.site}
        self.kinds = ["output" if index in ends and draft.kind == "hidden" else draft.kind
                      for index, draft in enumerate(book.sites)]  # fmt: skip
        self.links = dict(book.links)
        self.origin: list[int | None] = list(range(len(self.places)))  # the draft behind each site

    def finished(self, specs: Iterable[TensorSpec]) -> tuple[tuple[Site, ...], tuple[Link, ...]]:
        """All sites and links, once every tensor has found its place."""
        depth = self._depths(specs)
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

    def _draft_axis(self, dims: Sequence[Dim]) -> Axis | None:
        """The neurons of a site: its axes that can move, or the single fixed one that has a name."""
        moving = [dim for dim in dims if not is_fixed(dim)]
        named = [dim for dim in dims if find(dim) in self.names.fixed]
        chosen = moving or named[-1:]
        return product_of(tuple(map(self.names.axis, chosen))) if chosen else None

    def beside(self, axis: Axis, site: int | None, before: bool) -> int:
        """A site with its own axis beside another one, for a tensor that sees those neurons in another arrangement."""
        if site is not None and self.places[site] is None:
            self.places[site] = axis
            return site
        for index in range(len(self.book.sites), len(self.places)):
            if self.places[index] == axis and site is not None and self.origin[index] == self.origin[site]:
                return index
        self.places.append(axis)
        self.origin.append(None if site is None else self.origin[site])
        if site is not None:
            ends = (len(self.places) - 1, site) if before else (site, len(self.places) - 1)
            self.links[(*ends, "identity")] = None
        return len(self.places) - 1

    def joined(self, wanted: Axis, parts: Sequence[int]) -> int:
        """The site of a concatenation that isn't read term by term, as one that was flattened."""
        linked = {(source, target) for source, target, _ in self.links}
        for site, place in enumerate(self.places):
            if place == wanted and all((one, site) in linked for one in parts):
                return site
        joined = self.beside(wanted, parts[0], before=False)
        self.links.update({(one, joined, "identity"): None for one in parts})
        return joined

    def _depths(self, specs: Iterable[TensorSpec]) -> list[int]:
        """Length of the longest path of weights to each site, along steps from earlier sites to later ones."""
        steps: list[list[tuple[int, int]]] = [[] for _ in self.places]
        for source, target, _ in self.links:
            steps[target].append((source, 0))
        for spec in specs:
            for source in spec.source_sites:
                if source is not None and spec.target_site is not None:
                    steps[spec.target_site].append((source, 1))
        depth = [0] * len(self.places)
        for _ in range(2):  # a second round for the few sites that were made out of order
            for target, before in enumerate(steps):
                depth[target] = max([depth[target], *(depth[s] + step for s, step in before if s < target)])
        return depth


def _site_name(axis: str, kind: str, taken: dict[str, int]) -> str:
    base = axis if kind == "hidden" else kind
    taken[base] = taken.get(base, 0) + 1
    return base if taken[base] == 1 else f"{base}@{taken[base]}"
