"""Recurrent layers: their cell, written in primitives and applied twice, which closes every loop between axes."""

from collections.abc import Sequence
from typing import Any

from weightspace.space.algebra.dims import fix
from weightspace.space.algebra.tracer import Tracer
from weightspace.space.algebra.value import Value
from weightspace.space.rules.linear import biased, contract
from weightspace.space.rules.registry import rule


@rule("aten.lstm")
def lstm(
    t: Tracer,
    value: Value,
    state: Sequence[Value],
    params: Sequence[Value],
    biases: bool,
    layers: int,
    _dropout: float,
    _train: bool,
    both: bool,
    batch_first: bool = False,
) -> tuple[Value, Value, Value]:
    """Long short-term memory."""
    return tuple(_run(t, "lstm", value, list(state), params, biases, layers, both, batch_first))  # type: ignore[return-value]


@rule("aten.gru", "aten.rnn_tanh", "aten.rnn_relu")
def rnn(
    t: Tracer,
    value: Value,
    state: Value,
    params: Sequence[Value],
    biases: bool,
    layers: int,
    _dropout: float,
    _train: bool,
    both: bool,
    batch_first: bool = False,
) -> tuple[Value, Value]:
    """Gated recurrent unit, and the plain recurrent layer."""
    kind = t.op.removeprefix("aten.")
    return tuple(_run(t, kind, value, [state], params, biases, layers, both, batch_first))  # type: ignore[return-value]


def _run(
    t: Tracer,
    kind: str,
    value: Value,
    states: list[Value],
    params: Sequence[Value],
    biases: bool,
    layers: int,
    both: bool,
    batch_first: bool,
) -> list[Value]:
    time = (1 if batch_first else 0) if len(value.dims) == 3 else 0
    fix(value.dims[time])
    each = 2 + 2 * biases + (len(params) > layers * (1 + both) * (2 + 2 * biases))
    finals: list[list[Value]] = [[] for _ in states]
    for layer in range(layers):
        outputs = []
        for direction in range(1 + both):
            index = layer * (1 + both) + direction
            cell = params[index * each : (index + 1) * each]
            start = [_entry(t, state) for state in states]
            hidden, ends = _layer(t, kind, value, start, cell, biases, time)
            outputs.append(hidden)
            for final, end in zip(finals, ends, strict=True):
                final.append(end)
        value = outputs[0] if len(outputs) == 1 else t.join(outputs, -1)
    # stacking the last states ties the neurons of all layers, so it is left alone unless something reads them
    ends = [
        _stacked(t, final) if index in t.wanted else t.constant("data", t.shape[index])
        for index, final in enumerate(finals, start=1)
    ]
    return [value, *ends]


def _entry(t: Tracer, state: Value) -> Value:
    """The state of one layer and direction."""
    if state.constant:
        return Value(t.constant(state.constant, state.shape[1:]).dims, state.dtype, constant=state.constant)
    return t.select(state, 0)


def _stacked(t: Tracer, states: Sequence[Value]) -> Value:
    lifted = [t.reshape(state, [1, *state.shape]) for state in states]
    return lifted[0] if len(lifted) == 1 else t.join(lifted, 0)


def _layer(
    t: Tracer, kind: str, value: Value, states: list[Value], cell: Sequence[Value], biases: bool, time: int
) -> tuple[Value, list[Value]]:
    moment = t.select(value, time)
    for _ in range(2):
        states = _CELLS[kind](t, moment, states, cell, biases)
    wide = t.reshape(states[0], [*states[0].shape[:time], 1, *states[0].shape[time:]])
    sizes = list(wide.shape)
    sizes[time] = value.shape[time]
    hidden = t.expand(wide, sizes)
    fix(hidden.dims[time])
    return hidden, states


def _maps(t: Tracer, value: Value, state: Value, cell: Sequence[Value], biases: bool) -> tuple[Value, Value]:
    """``W x + b`` and ``U h + c``; with a projection the state is shorter than the cell."""
    lead = [("lead", axis) for axis in range(len(value.dims) - 1)]
    bias = list(cell[2:4]) if biases else [None, None]
    return tuple(  # type: ignore[return-value]
        biased(t, contract(t, x, w, [*lead, "i"], ["o", "i"], [*lead, "o"]), b)
        for x, w, b in ((value, cell[0], bias[0]), (state, cell[1], bias[1]))
    )


def _plain(t: Tracer, value: Value, states: list[Value], cell: Sequence[Value], biases: bool) -> list[Value]:
    kind = "odd" if t.op == "aten.rnn_tanh" else "positive"
    out = t.pointwise(kind, t.pointwise("equal", *_maps(t, value, states[0], cell, biases)))
    t.book.activate(out.site, t.op.removeprefix("aten.rnn_"))
    return [out]


def _gates(t: Tracer, gates: Value, count: int) -> list[Value]:
    size = gates.dims[-1].size // count
    return [t.slice(gates, -1, index * size, (index + 1) * size) for index in range(count)]


def _lstm(t: Tracer, value: Value, states: list[Value], cell: Sequence[Value], biases: bool) -> list[Value]:
    hidden, memory = states
    gates = t.pointwise("equal", *_maps(t, value, hidden, cell, biases))
    enter, forget, candidate, leave = _gates(t, gates, 4)
    enter, forget, leave = (t.pointwise("opaque", gate) for gate in (enter, forget, leave))
    kept = t.pointwise("product", forget, memory, meet="product")
    new = t.pointwise("product", enter, t.pointwise("odd", candidate))
    memory = t.pointwise("equal", kept, new)
    hidden = t.pointwise("product", leave, t.pointwise("odd", memory), meet="product")
    t.book.activate(hidden.site, "tanh")
    has_projection = len(cell) > 2 + 2 * biases
    if has_projection:
        lead = [("lead", axis) for axis in range(len(hidden.dims) - 1)]
        hidden = contract(t, hidden, cell[-1], [*lead, "i"], ["o", "i"], [*lead, "o"])
    return [hidden, memory]


def _gru(t: Tracer, value: Value, states: list[Value], cell: Sequence[Value], biases: bool) -> list[Value]:
    entering, returning = _maps(t, value, states[0], cell, biases)
    (reset_x, update_x, new_x), (reset_h, update_h, new_h) = _gates(t, entering, 3), _gates(t, returning, 3)
    reset = t.pointwise("opaque", t.pointwise("equal", reset_x, reset_h))
    update = t.pointwise("opaque", t.pointwise("equal", update_x, update_h))
    new = t.pointwise("odd", t.pointwise("equal", new_x, t.pointwise("product", reset, new_h, meet="product")))
    mixed = t.pointwise("equal", t.pointwise("product", update, states[0]), t.pointwise("product", update, new))
    t.book.activate(mixed.site, "tanh")
    return [mixed]


_CELLS = {"rnn_tanh": _plain, "rnn_relu": _plain, "lstm": _lstm, "gru": _gru}


@rule("aten.lstm_cell", "aten.gru_cell", "aten.rnn_tanh_cell", "aten.rnn_relu_cell")
def single_cell(t: Tracer, value: Value, state: Any, *params: Value | None) -> Any:
    """One step of a recurrent layer."""
    kind = t.op.removeprefix("aten.").removesuffix("_cell")
    states = list(state) if isinstance(state, list | tuple) else [state]
    given = [param for param in params if param is not None]
    t.op = f"aten.{kind}"
    out = _CELLS[kind](t, value, states, given, len(given) > 2)
    return tuple(out) if len(out) > 1 else out[0]
