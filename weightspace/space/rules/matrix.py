"""Functions of square matrices: inverses, solutions, exponentials and determinants."""

from typing import Any

from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import matmul
from weightspace.space.rules.registry import rule


@rule("aten.linalg_inv", "aten.inverse", "aten.linalg_inv_ex")
def inverse(op: Operation, value: Value, **_: Any) -> Any:
    """``(P A Q)^-1 = Q^-1 A^-1 P^-1``: rows and columns change places, and factors are undone."""
    one = op.result(0) if op.several else op
    axes = [*range(len(value.dims) - 2), -1, -2]
    out = one.pointwise("power", one.permute(value, axes), data=-1)
    return (out, op.result(1).opaque(value) if 1 in op.wanted else None) if op.several else out


@rule("aten.linalg_solve")
def solve(op: Operation, matrix: Value, other: Value, *, left: bool = True) -> Value | None:
    """``A^-1 B``, or ``B A^-1``; another vector for each matrix of a batch has no rule."""
    if len(other.dims) > 1 and len(other.dims) == len(matrix.dims) - 1:
        return None
    undone = inverse(op, matrix)
    return matmul(op, undone, other) if left else matmul(op, other, undone)


@rule("aten.linalg_matrix_exp", "aten.matrix_exp", "aten.linalg_matrix_power", "aten.matrix_power")
def power_series(op: Operation, value: Value, *_: Any) -> Value:
    """``f(P A P^-1) = P f(A) P^-1``: rows and columns are one set of neurons, whose factors cancel."""
    _cancelling(op, value)
    return op.pointwise("equal", value)


@rule("aten.linalg_slogdet", "aten.linalg_det", "aten.logdet")
def determinant(op: Operation, value: Value) -> Any:
    """``det(P A P^-1) = det(A)``."""
    number = _cancelling(op, value)
    return (number, number) if op.several else number


def _cancelling(op: Operation, value: Value) -> Value:
    """One number a matrix: the factors of rows and columns cancel, and none of a batch passes."""
    batch = list(range(len(value.dims) - 2))
    one = op.result(0) if op.several else op
    return one.pointwise("opaque", one.einsum([value], [[*batch, "row", "row"]], batch))
