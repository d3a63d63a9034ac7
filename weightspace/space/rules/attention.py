"""Attention as one operator: two contractions around a softmax."""

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import matmul
from weightspace.space.rules.pointwise import meet
from weightspace.space.rules.registry import rule


@rule("aten.scaled_dot_product_attention")
def attention(
    t: Tracer,
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
        key, value = repeat_heads(t, key, repeat), repeat_heads(t, value, repeat)
    if is_causal:
        for tensor in (query, key, value):
            fix(tensor.dims[-2])
    scores = matmul(t, query, t.permute(key, [*range(len(key.dims) - 2), -1, -2]))
    if mask is not None:
        scores = meet(t, "opaque", scores, mask, "other", "residual")
    weights = t.pointwise("opaque", scores)
    t.book.activate(weights.site, "softmax")
    return matmul(t, weights, value)


def repeat_heads(t: Tracer, value: Value, repeat: int) -> Value:
    """Each head several times in a row."""
    lead, (heads, length, width) = list(value.shape[:-3]), value.shape[-3:]
    wide = t.expand(t.reshape(value, [*lead, heads, 1, length, width]), [*lead, heads, repeat, length, width])
    return t.reshape(wide, [*lead, heads * repeat, length, width])
