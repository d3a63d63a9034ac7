"""Linear maps: contractions of activations with weights, and with each other, as in attention."""

from collections.abc import Sequence
from typing import Any

from torch import fx

from weightspace.space.algebra.between import Joint
from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.pointwise import meet
from weightspace.space.rules.registry import rule


def contract(
    op: Operation,
    one: Value,
    other: Value,
    ones: Sequence[Any],
    others: Sequence[Any],
    outs: Sequence[Any],
    reader: str = "linear",
    **settings: Any,
) -> Value:
    """`einsum` of two tensors, either of which may be a weight: the other's neurons are then its sources."""
    out = op.einsum([one, other], [ones, others], outs, "attention")
    if one.origin and other.origin and not one.site and not other.site:
        _join(op, one, other, ones, others, outs)
    for weight, labels, reads, read_labels in ((other, others, one, ones), (one, ones, other, others)):
        if weight.origin and not weight.site and (reads.site or not reads.origin):
            target = [
                axis
                for axis, label in enumerate(labels)
                if label in outs and (weight.dims[axis].size > 1 or label not in read_labels)
            ]
            source = [axis for axis, label in enumerate(labels) if label in read_labels and label not in outs]
            out.site = op.book.weight(weight, reads, target, source, reader, settings)
            out.origin = {}
            break
    else:
        if one.site and other.site:
            _hint(op, [one, other], [ones, others])
    return out


def _join(
    op: Operation, one: Value, other: Value, ones: Sequence[Any], others: Sequence[Any], outs: Sequence[Any]
) -> None:
    """Parameters contracted with parameters: there are neurons between them."""
    summed = [label for label in ones if label in others and label not in outs]
    dims = tuple(dim for dim in (one.dims[ones.index(label)] for label in summed) if dim.size > 1)
    axes: dict[str, tuple[int, ...]] = {}
    for value, labels in ((one, ones), (other, others)):
        for param, behind in value.origin.items():
            there = frozenset().union(*(behind[labels.index(label)] for label in summed))
            if there:
                axes[param] = tuple(sorted(there))
    if dims and len(axes) > 1:
        op.book.join(Joint(dims, axes))


def _hint(op: Operation, values: Sequence[Value], labels: Sequence[Sequence[Any]]) -> None:
    """Neurons contracted with neurons are attention: its leading axes are heads, the others channels of a head."""
    for value, names in zip(values, labels, strict=True):
        for dim, label in zip(value.dims, names, strict=True):
            op.hint(dim, "heads" if isinstance(label, tuple) else "dim")


def biased(op: Operation, out: Value, bias: Value | None, axis: int = -1) -> Value:
    """Add a bias along one axis of the output."""
    if bias is None:
        return out
    tail = len(out.dims) - 1 - axis % len(out.dims)
    shaped = op.reshape(bias, [*bias.shape, *[1] * tail]) if tail else bias
    return meet(op, "equal", out, shaped, "bias", "residual")


@rule("aten.linear")
def linear(op: Operation, value: Value, weight: Value, bias: Value | None = None) -> Value:
    """``x @ W.T + b``."""
    lead = [("lead", axis) for axis in range(len(value.dims) - 1)]
    outs = ["o"] if len(weight.dims) == 2 else []
    return biased(op, contract(op, value, weight, [*lead, "i"], [*outs, "i"], [*lead, *outs]), bias)


@rule("aten.addmm", "aten.baddbmm", "aten.addbmm", "aten.addmv", "aten._sparse_addmm")
def add_matmul(op: Operation, bias: Value, one: Value, other: Value, *, beta: Any = 1, alpha: Any = 1) -> Value:
    """``b + x @ W``."""
    out = matmul(op, one, other)
    if op.name.startswith("aten.addbmm"):
        out = op.reduce(out, [0], keep=False)
    return meet(op, "equal", out, bias, "bias", "residual")


@rule("aten.matmul", "aten.mm", "aten.bmm", "aten.mv", "aten.dot", "aten.inner", "aten.vdot", "aten._sparse_mm",
      "aten._sparse_sparse_matmul")  # fmt: skip
def matmul(op: Operation, one: Value, other: Value, *_: Any) -> Value:
    """Matrix product, with leading axes broadcast."""
    ones = ["n", "k"] if len(one.dims) > 1 else ["k"]
    others = ["k", "m"] if len(other.dims) > 1 else ["k"]
    # leading axes line up from the right, whatever is left of them
    lead_one = [("lead", axis) for axis in range(len(ones) - len(one.dims), 0)]
    lead_other = [("lead", axis) for axis in range(len(others) - len(other.dims), 0)]
    lead = lead_one if len(lead_one) >= len(lead_other) else lead_other
    outs = [*lead, *(["n"] if "n" in ones else []), *(["m"] if "m" in others else [])]
    return contract(op, one, other, [*lead_one, *ones], [*lead_other, *others], outs)


@rule("aten._grouped_mm", "transformers.grouped_mm_fallback")
def grouped_matmul(op: Operation, one: Value, other: Value, *_: Any, **__: Any) -> Value:
    """Rows of a matrix, each times the matrix of its group: rows and groups are fixed."""
    if len(one.dims) != 2 or len(other.dims) != 3:
        return op.opaque(one, other)
    fix(one.dims[0])
    fix(other.dims[0])
    return contract(op, one, other, ["n", "k"], ["g", "k", "m"], ["n", "m"])


@rule("aten.cdist", "aten._cdist_forward", "aten._euclidean_dist")
def distances(op: Operation, one: Value, other: Value, *_: Any) -> Value:
    """Distances between rows: symmetric in the entries of a row, but no factor passes."""
    one, other = op.pointwise("opaque", one), op.pointwise("opaque", other)
    return matmul(op, one, op.permute(other, [*range(len(other.dims) - 2), -1, -2]))


@rule("aten.outer", "aten.ger")
def outer(op: Operation, one: Value, other: Value) -> Value:
    """Every entry with every other."""
    return contract(op, one, other, ["n"], ["m"], ["n", "m"])


@rule("aten.einsum")
def einsum(op: Operation, equation: str, values: Sequence[Value], *_: Any, **__: Any) -> Value:
    """Any contraction; several tensors are contracted from left to right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    ins = [_labels(term, len(value.dims)) for term, value in zip(left.split(","), values, strict=True)]
    if arrow:
        rank = max((sum(isinstance(x, tuple) for x in labels) for labels in ins), default=0)
        outs = _labels(right, len(right.replace("...", "")) + rank)
    else:
        flat = [label for labels in ins for label in labels]
        outs = sorted({label for label in flat if flat.count(label) == 1}, key=str)
    ins = [list(dict.fromkeys(labels)) if len(set(labels)) == len(labels) else labels for labels in ins]
    if len(values) == 1:
        return op.einsum(values, ins, outs)
    current, labels = values[0], ins[0]
    for index in range(1, len(values)):
        later = set(outs).union(*ins[index + 1 :])
        kept = [x for x in dict.fromkeys([*labels, *ins[index]]) if x in later] if index + 1 < len(values) else outs
        current, labels = contract(op, current, values[index], labels, ins[index], kept), kept
    return current


def _labels(term: str, rank: int) -> list[Any]:
    """Letters of one term of an equation; the axes under an ellipsis count from the right."""
    if "..." not in term:
        return list(term)
    left, right = term.split("...")
    hidden = rank - len(left) - len(right)
    return [*left, *(("dots", axis - hidden) for axis in range(hidden)), *right]


@rule("aten.bilinear")
def bilinear(op: Operation, one: Value, other: Value, weight: Value, bias: Value | None = None) -> Value:
    """``x W y + b``."""
    lead = [("lead", axis) for axis in range(len(one.dims) - 1)]
    half = contract(op, one, weight, [*lead, "i"], ["o", "i", "j"], [*lead, "o", "j"], reader="bilinear")
    site = half.site
    out = op.einsum([half, other], [[*lead, "o", "j"], [*lead, "j"]], [*lead, "o"], "product")
    op.book.link(other.site, site[0], "product") if site and other.site else None
    out.site = site or out.site
    return biased(op, out, bias)


@rule("aten.scaled_dot_product_attention")
def attention(
    op: Operation,
    query: Value,
    key: Value,
    value: Value,
    mask: Value | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """``softmax(q k^T) v`` over the last two axes; with grouped queries, keys and values serve several heads."""
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        repeat = query.shape[-3] // key.shape[-3]
        key, value = repeat_heads(op, key, repeat), repeat_heads(op, value, repeat)
    if is_causal:
        for tensor in (query, key, value):
            fix(tensor.dims[-2])
    return matmul(op, _attending(op, query, key, mask), value)


def _attending(op: Operation, query: Value, key: Value, mask: Value | None = None) -> Value:
    """``softmax(q k^T)``."""
    scores = matmul(op, query, op.permute(key, [*range(len(key.dims) - 2), -1, -2]))
    if mask is not None:
        scores = meet(op, "opaque", scores, mask, "other", "residual")
    weights = op.pointwise("opaque", scores)
    op.book.activate(weights.site, "softmax")
    return weights


@rule("flex_attention")
def flexible_attention(
    op: Operation, query: Value, key: Value, value: Value, change: fx.GraphModule, blocks: Sequence[Any], *rest: Any
) -> tuple[Value, ...]:
    """`attention` with code that changes each score and code that masks it: what they read of its place is fixed."""
    batch, heads = ([part.dims[axis] for part in (query, key, value)] for axis in (0, 1))
    places = (batch, heads, [query.dims[2]], [key.dims[2], value.dims[2]])
    several = [size > 1 for size in blocks[3].shape]  # places of blocks that aren't masked, by batch, head, row, column
    for number, (dims, apart) in enumerate(zip(places, several, strict=True)):
        if apart or _is_read(change, 1 + number) or _is_read(blocks[-1], number):
            for dim in dims:
                fix(dim)
    for table in (leaf for part in rest if isinstance(part, list | tuple) for leaf in part if isinstance(leaf, Value)):
        for dim in table.dims:
            fix(dim)
    if query.shape[1] != key.shape[1]:
        key, value = (repeat_heads(op, part, query.shape[1] // key.shape[1]) for part in (key, value))
    weights = _attending(op, query, key)
    others = [op.result(number).reduce(weights, [-1], False, "opaque") for number in range(1, len(op.shapes))]
    return matmul(op, weights, value), *others


def _is_read(code: fx.GraphModule, argument: int) -> bool:
    """A function of a score and its place looks at one of its arguments."""
    given = [node for node in code.graph.nodes if node.op == "placeholder"]
    return bool(given[argument].users)


def repeat_heads(op: Operation, value: Value, repeat: int) -> Value:
    """Each head several times in a row."""
    lead, (heads, length, width) = list(value.shape[:-3]), value.shape[-3:]
    wide = op.expand(op.reshape(value, [*lead, heads, 1, length, width]), [*lead, heads, repeat, length, width])
    return op.reshape(wide, [*lead, heads * repeat, length, width])
