"""Recurrent layers: their cell, written in primitives and applied twice, which closes every loop between axes."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.operation import Operation
from weightspace.space.algebra.pending import Part, Pending, stacked, whole_of
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import biased, contract
from weightspace.space.rules.registry import rule


@rule("aten.lstm")
def lstm(
    op: Operation,
    value: Value,
    state: Sequence[Part],
    params: Sequence[Value],
    biases: bool,
    layers: int,
    _dropout: float,
    _train: bool,
    both: bool,
    batch_first: bool = False,
) -> tuple[Any, ...]:
    """Long short-term memory."""
    return tuple(_run(op, "lstm", value, list(state), params, biases, layers, both, batch_first))  # type: ignore[return-value]


@rule("aten.gru", "aten.rnn_tanh", "aten.rnn_relu")
def rnn(
    op: Operation,
    value: Value,
    state: Part,
    params: Sequence[Value],
    biases: bool,
    layers: int,
    _dropout: float,
    _train: bool,
    both: bool,
    batch_first: bool = False,
) -> tuple[Any, ...]:
    """Gated recurrent unit, and the plain recurrent layer."""
    kind = op.name.removeprefix("aten.")
    return tuple(_run(op, kind, value, [state], params, biases, layers, both, batch_first))  # type: ignore[return-value]


def _run(
    op: Operation,
    kind: str,
    value: Value,
    states: list[Part],
    params: Sequence[Value],
    biases: bool,
    layers: int,
    both: bool,
    batch_first: bool,
) -> list[Part]:
    time = (1 if batch_first else 0) if len(value.dims) == 3 else 0
    fix(value.dims[time])
    each = 2 + 2 * biases + (len(params) > layers * (1 + both) * (2 + 2 * biases))
    finals: list[list[Part]] = [[] for _ in states]
    for layer in range(layers):
        outputs = []
        for direction in range(1 + both):
            index = layer * (1 + both) + direction
            cell = params[index * each : (index + 1) * each]
            start = [_entry(op, state, index) for state in states]
            hidden, ends = _layer(op, kind, value, start, cell, biases, time)
            outputs.append(hidden)
            for final, end in zip(finals, ends, strict=True):
                final.append(end)
        value = outputs[0] if len(outputs) == 1 else op.join(outputs, -1)
    return [value, *(stacked(op, final, 0) for final in finals)]


def _entry(op: Operation, state: Part, index: int) -> Value:
    """The state of one layer and direction."""
    parts = state.along(0) if isinstance(state, Pending) else None
    if parts is not None:
        return whole_of(parts[index])
    state = whole_of(state)
    if state.constant:
        return Value(op.constant(state.constant, state.shape[1:]).dims, state.dtype, constant=state.constant)
    return op.select(state, 0)


def _layer(
    op: Operation, kind: str, value: Value, states: list[Value], cell: Sequence[Value], biases: bool, time: int
) -> tuple[Value, list[Value]]:
    moment = op.select(value, time)
    for _ in range(2):
        states = _CELLS[kind](op, moment, states, cell, biases)
    wide = op.reshape(states[0], [*states[0].shape[:time], 1, *states[0].shape[time:]])
    sizes = list(wide.shape)
    sizes[time] = value.shape[time]
    hidden = op.expand(wide, sizes)
    fix(hidden.dims[time])
    return hidden, states


def _maps(op: Operation, value: Value, state: Value, cell: Sequence[Value], biases: bool) -> tuple[Value, Value]:
    """``W x + b`` and ``U h + c``; with a projection the state is shorter than the cell."""
    lead = [("lead", axis) for axis in range(len(value.dims) - 1)]
    bias = list(cell[2:4]) if biases else [None, None]
    return tuple(  # type: ignore[return-value]
        biased(op, contract(op, x, w, [*lead, "i"], ["o", "i"], [*lead, "o"]), b)
        for x, w, b in ((value, cell[0], bias[0]), (state, cell[1], bias[1]))
    )


def _plain(
    op: Operation, value: Value, states: list[Value], cell: Sequence[Value], biases: bool, kind: str = "odd"
) -> list[Value]:
    out = op.pointwise(kind, op.pointwise("equal", *_maps(op, value, states[0], cell, biases)))
    op.book.activate(out.site, "tanh" if kind == "odd" else "relu")
    return [out]


def _gates(op: Operation, gates: Value, count: int) -> list[Value]:
    size = gates.dims[-1].size // count
    return [op.slice(gates, -1, index * size, (index + 1) * size) for index in range(count)]


def _lstm(op: Operation, value: Value, states: list[Value], cell: Sequence[Value], biases: bool) -> list[Value]:
    hidden, memory = states
    gates = op.pointwise("equal", *_maps(op, value, hidden, cell, biases))
    enter, forget, candidate, leave = _gates(op, gates, 4)
    enter, forget, leave = (op.pointwise("opaque", gate) for gate in (enter, forget, leave))
    kept = op.pointwise("product", forget, memory, meet="product")
    new = op.pointwise("product", enter, op.pointwise("odd", candidate))
    memory = op.pointwise("equal", kept, new)
    hidden = op.pointwise("product", leave, op.pointwise("odd", memory), meet="product")
    op.book.activate(hidden.site, "tanh")
    has_projection = len(cell) > 2 + 2 * biases
    if has_projection:
        lead = [("lead", axis) for axis in range(len(hidden.dims) - 1)]
        hidden = contract(op, hidden, cell[-1], [*lead, "i"], ["o", "i"], [*lead, "o"])
    return [hidden, memory]


def _gru(op: Operation, value: Value, states: list[Value], cell: Sequence[Value], biases: bool) -> list[Value]:
    entering, returning = _maps(op, value, states[0], cell, biases)
    (reset_x, update_x, new_x), (reset_h, update_h, new_h) = _gates(op, entering, 3), _gates(op, returning, 3)
    reset = op.pointwise("opaque", op.pointwise("equal", reset_x, reset_h))
    update = op.pointwise("opaque", op.pointwise("equal", update_x, update_h))
    new = op.pointwise("odd", op.pointwise("equal", new_x, op.pointwise("product", reset, new_h, meet="product")))
    mixed = op.pointwise("equal", op.pointwise("product", update, states[0]), op.pointwise("product", update, new))
    op.book.activate(mixed.site, "tanh")
    return [mixed]


_CELLS = {"rnn_tanh": _plain, "rnn_relu": partial(_plain, kind="positive"), "lstm": _lstm, "gru": _gru}


@rule("aten.lstm_cell", "aten.gru_cell", "aten.rnn_tanh_cell", "aten.rnn_relu_cell")
def single_cell(op: Operation, value: Value, state: Any, *params: Value | None) -> Any:
    """One step of a recurrent layer."""
    kind = op.name.removeprefix("aten.").removesuffix("_cell")
    states = list(state) if isinstance(state, list | tuple) else [state]
    given = [param for param in params if param is not None]
    out = _CELLS[kind](op, value, states, given, len(given) > 2)
    return tuple(out) if len(out) > 1 else out[0]
