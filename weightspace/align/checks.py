"""What comes in: weights of one space, finite, in a type that can be matched."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from weightspace.space import WeightSpace


def check_same_space(one: WeightSpace, other: WeightSpace, names: tuple[str, str] = ("A", "B")) -> None:
    """See that two models have one weight space.

    Raises:
        ValueError: names both and the first tensor, or the first axis of it, that differs.
    """
    if one == other:
        return
    first, second = names
    for name in (*one.tensors, *other.tensors):
        if name not in one.tensors or name not in other.tensors:
            owner, lacking = (second, first) if name not in one.tensors else (first, second)
            raise ValueError(
                f"{first} and {second} have different weight spaces: {owner} has a tensor {name!r}, {lacking} has "
                "none. Give two nets of one architecture."
            )
        left, right = one.tensors[name], other.tensors[name]
        if len(left.axes) != len(right.axes):
            raise ValueError(
                f"{first} and {second} have different weight spaces: tensor {name!r} has {len(left.axes)} axes in "
                f"{first} and {len(right.axes)} in {second}. Give two nets of one architecture."
            )
        for dim, (axis, twin) in enumerate(zip(left.axes, right.axes, strict=True)):
            if str(axis) != str(twin) or axis.size != twin.size:
                raise ValueError(
                    f"{first} and {second} have different weight spaces: axis {dim} of tensor {name!r} is '{axis}' of "
                    f"size {axis.size} in {first} and '{twin}' of size {twin.size} in {second}. "
                    "Give two nets of one architecture."
                )
    raise ValueError(
        f"{first} and {second} have tensors with the same axes but different symmetries (spaces {one.hash} and "
        f"{other.hash}): an activation or a norm differs. Give two nets of one architecture."
    )


def ready(space: WeightSpace, weights: Mapping[str, Tensor], label: str) -> tuple[dict[str, Tensor], bool]:
    """Weights for matching, and whether they came as a stack.

    Half precision becomes float32, other numbers keep their type; a single net gets a leading axis of 1.

    Raises:
        ValueError: the weights don't fit the space, or hold a value that isn't finite; ``label`` and the tensor named.
    """
    try:
        count = space.check(weights)
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None
    lifted = {}
    for name, tensor in weights.items():
        tensor = tensor.detach()
        tensor = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(
                f"{label}: tensor {name!r} holds NaN or infinite values; a net like that can't be matched."
            )
        lifted[name] = tensor if count is not None else tensor.unsqueeze(0)
    return lifted, count is not None


def ready_pair(
    space: WeightSpace, a: Mapping[str, Tensor], b: Mapping[str, Tensor], refusal: str
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Two single nets for matching, each with a leading axis of 1; see `ready`.

    Raises:
        ValueError: as `ready` says; ``refusal`` where one is a stack.
    """
    (one, first), (other, second) = ready(space, a, "a"), ready(space, b, "b")
    if first or second:
        raise ValueError(refusal)
    return one, other


def check_nets(module: nn.Module, nets: Mapping[str, Mapping[str, Tensor]], stacks: bool = False) -> None:
    """See that nets, given by what to call them, hold every tensor of a module in its shape, and finite values.

    Without it a tensor that is missing would be the module's own.

    Raises:
        ValueError: one doesn't; the net and the tensor are named.
    """
    own = module.state_dict()
    for label, net in nets.items():
        for name in (*own, *net):
            if name not in net or name not in own:
                raise ValueError(
                    f"{label} must have the tensors of the module, but {name!r} is "
                    f"{'missing' if name not in net else 'none of them'}. Give a net of the module's architecture."
                )
        ahead = {net[name].ndim - tensor.ndim for name, tensor in own.items()}
        wide = stacks and ahead == {1}
        for name, tensor in own.items():
            shape = net[name].shape[1:] if wide else net[name].shape
            if shape != tensor.shape:
                raise ValueError(
                    f"{label}: tensor {name!r} must have the shape {list(tensor.shape)} of the module's, got "
                    f"{list(net[name].shape)}. Give a net of the module's architecture."
                )
            if net[name].is_floating_point() and not bool(net[name].isfinite().all()):
                raise ValueError(f"{label}: tensor {name!r} holds NaN or infinite values, so its outputs say nothing.")


def check_pair(counts: tuple[int, int]) -> None:
    """See that two stacks pair up: as many nets in each, or one in one of them.

    Raises:
        ValueError: gives both numbers.
    """
    if counts[0] != counts[1] and 1 not in counts:
        raise ValueError(f"a and b must hold as many nets as each other, or one, got {counts[0]} and {counts[1]}.")
