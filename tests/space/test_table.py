"""A space as a table."""

from dataclasses import replace

from tests.space.architectures import traced
from weightspace.space import WeightSpace


def rows(space):
    return [line.rstrip() for line in repr(space).splitlines()]


def test_every_tensor_and_every_name_has_a_row():
    space = traced("dense")
    first_words = [line.split(" ")[0] for line in rows(space) if line]
    assert [word for word in first_words if word in space.tensors] == list(space.tensors)
    assert first_words[-len(space.names) :] == list(space.names)


def test_columns_stand_under_each_other():
    _, tensors, names = repr(traced("vit_block")).split("\n\n")
    for table in (tensors, names):
        head, rule, *lines = table.splitlines()
        starts = [0, *(i + 1 for i in range(len(rule)) if rule[i - 1 : i + 1] == "  ")]
        assert all(line[start - 1] == " " for line in (head, *lines) for start in starts[1:] if start <= len(line))
        assert max(map(len, (head, *lines))) <= len(rule)


def test_places():
    places = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in rows(traced("dense"))}
    assert places["b.weight"] == "a -> b"
    assert places["b.bias"] == "bias of b"
    assert places["n.num_batches_tracked"] == "other"
    net = WeightSpace.parse({"a": "a in", "b": "b in", "o": "out (a + b)"}, sizes={"a": 2, "b": 2, "in": 2, "out": 2})
    assert rows(net)[6].endswith("a + b -> out")


def test_places_that_are_not_known():
    space = traced("relu_mlp")
    spec = replace(space.tensors["0.weight"], source_sites=(None,))
    assert "? -> h0" in repr(replace(space, tensors={**space.tensors, "0.weight": spec}))


def test_parameters_are_counted_without_buffers():
    head = rows(traced("residual"))[0]
    module_parameters = 3 * 8 * 9 + 2 * 8 * 8 * 9 + 6 * 8 + 18
    assert f"{module_parameters:,} parameters" in head
