"""A space as a table."""

from dataclasses import replace

from tests.space.nets.architectures import traced
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


def test_gates_are_counted():
    text = repr(traced("lstm"))
    assert "body.weight_ih_l0  (4 body) in " in text and "input -> (4 body)" in text and "+" not in text
    numbers = WeightSpace.parse({"a": "(1 + 1 + h + h + 2 + h)"}, sizes={"h": 3})
    assert "(1 + 1 + 2 h + 2 + h)" in repr(numbers)


def test_one_of_a_kind_is_told_in_the_singular():
    space = WeightSpace.parse({"a": "h in"}, sizes={"h": 1, "in": 1})
    assert ": 1 tensor, 1 parameter, 1 free name, 0.0% moved" in rows(space)[0]


def test_names_say_where_they_stand_and_when_their_symmetries_hold():
    names = {line.split("  ")[0]: line for line in repr(traced("residual")).split("\n\n")[2].splitlines()}
    assert names["name"].split() == ["name", "size", "symmetries", "modes", "stands", "in"]
    assert names["conv1"].split("  ")[-1] == "conv1.weight[0], n1.weight[0], n1.bias[0], n1.running_mean[0], 2 more"
    assert "permutation, scale  train, eval; scale, sign in eval alone  stem.weight[0], " in names["stem"]
    assert names["in"].split() == ["in", "3", "fixed", "-", "stem.weight[1]"]
    names = {line.split("  ")[0]: line for line in repr(traced("lstm")).split("\n\n")[2].splitlines()}
    assert "body.weight_hh_l0[0, 1]" in names["body"]
