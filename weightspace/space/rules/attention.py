"""Attention as one operator: two contractions around a softmax."""

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import matmul
from weightspace.space.rules.pointwise import meet
from weightspace.space.rules.registry import rule


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
    scores = matmul(op, query, op.permute(key, [*range(len(key.dims) - 2), -1, -2]))
    if mask is not None:
        scores = meet(op, "opaque", scores, mask, "other", "residual")
    weights = op.pointwise("opaque", scores)
    op.book.activate(weights.site, "softmax")
    return matmul(op, weights, value)


def repeat_heads(op: Operation, value: Value, repeat: int) -> Value:
    """Each head several times in a row."""
    lead, (heads, length, width) = list(value.shape[:-3]), value.shape[-3:]
    wide = op.expand(op.reshape(value, [*lead, heads, 1, length, width]), [*lead, heads, repeat, length, width])
    return op.reshape(wide, [*lead, heads * repeat, length, width])
