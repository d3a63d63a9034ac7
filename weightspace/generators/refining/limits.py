"""What nets are made of, and whether a refiner has seen all of it."""

from typing import Any

from torch import nn

from weightspace.graphs import Layout
from weightspace.space import WeightSpace


def check_ends(known_spaces: tuple[WeightSpace, ...], space: WeightSpace) -> None:
    """See that a space has the inputs and outputs that a refiner is for.

    Raises:
        ValueError: others.
    """
    inputs, outputs = ends(known_spaces[0])
    if ends(space) != (inputs, outputs):
        raise ValueError(
            f"This Refiner writes nets of {inputs} inputs and {outputs} outputs, got {ends(space)[0]} and "
            f"{ends(space)[1]}. Train one on such data with scripts/train_refiner.py."
        )


def check_parts(known_spaces: tuple[WeightSpace, ...], space: WeightSpace) -> None:
    """See that a space has nothing but what a refiner's metanet was trained on; activations may be others.

    Raises:
        ValueError: an operator or link never seen, a kernel that is too large; says what it can.
    """
    known = parts(*known_spaces)
    new = sorted(part for part in parts(space) - known if not part.startswith("activation"))
    if new:
        can = ", ".join(sorted(part for part in known if not part.startswith("activation")))
        raise ValueError(f"This Refiner was trained on nets with {can}; got {', '.join(new)}, too. Leave that out.")
    own, both = Layout.of(*known_spaces), Layout.of(*known_spaces, space)
    if own != both:
        raise ValueError(
            f"This Refiner takes kernels up to {own.kernel[0]}x{own.kernel[1]} and {own.edge} numbers an edge, got "
            f"a net with kernels up to {both.kernel[0]}x{both.kernel[1]} and {both.edge}. Take smaller ones."
        )


def check_condition(takes_net: bool, condition: Any) -> None:
    """See that a refiner with examples is given the net, and one without them nothing.

    Raises:
        ValueError: it isn't so.
    """
    if takes_net and not isinstance(condition, nn.Module):
        raise ValueError(
            "This Refiner solves the last layer on examples that it keeps, so its condition must be the net, got "
            f"{type(condition).__name__}. Give condition=net, or call initialize(net, ...)."
        )
    if not takes_net and condition is not None:
        raise ValueError(
            f"A Refiner without examples takes no condition, got a {type(condition).__name__}; leave it out."
        )


def parts(*spaces: WeightSpace) -> set[str]:
    """What nets are made of: operators, vectors on neurons, links and activations, in words."""
    found: set[str] = set()
    for space in spaces:
        found |= {f"operator {spec.op}" for spec in space.tensors.values() if spec.role == "weight"}
        found |= {f"vector {spec.slot}" for spec in space.tensors.values() if spec.role == "vector"}
        found |= {f"link {link.kind}" for link in space.links}
        found |= {f"activation {site.activation}" for site in space.sites}
        found |= {f"tensor {spec.slot}" for spec in space.tensors.values() if spec.role == "other" and not spec.buffer}
    return found


def ends(space: WeightSpace) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many neurons the input and output sites have."""
    sizes = {
        kind: tuple(site.axis.size or 0 for site in space.sites if site.kind == kind) for kind in ("input", "output")
    }
    return sizes["input"], sizes["output"]
