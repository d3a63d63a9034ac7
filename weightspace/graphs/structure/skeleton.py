"""What two weight spaces must share so that their nets can lie in one stack: tensors, sites and links."""

import hashlib
import json
from functools import lru_cache

from weightspace.space import TensorSpec, WeightSpace


@lru_cache(maxsize=1024)
def skeleton(space: WeightSpace) -> str:
    """16 hexadecimal digits that depend on axes, sites and links, but not on activations or other settings.

    A zoo that varies the activation has several weight spaces of one skeleton: other symmetries, the same graph.
    """
    tensors = [
        (name, " ".join(map(str, spec.axes)), spec.shape, spec.role, spec.slot, spec.op, spec.dtype, *_ends(spec))
        for name, spec in sorted(space.tensors.items())
    ]
    sites = [[str(site.axis), site.axis.size, site.kind, site.depth] for site in space.sites]
    links = [[link.source, link.target, link.kind] for link in space.links]
    return hashlib.sha256(json.dumps([tensors, sites, links]).encode()).hexdigest()[:16]


def _ends(spec: TensorSpec) -> tuple:
    return spec.target, spec.source, spec.target_site, spec.source_sites
