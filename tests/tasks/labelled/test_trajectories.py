import pytest
import torch

from weightspace import Recipe, build_zoo
from weightspace.metanets import GraphMetanet
from weightspace.tasks.comparison.baselines.boosting import statistics_tables
from weightspace.tasks.comparison.jobs.splits import early, early_trajectory
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.labelled.trajectories import trajectories


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, tiny_recipe):
    text = tiny_recipe.read_text() + '\n[save]\npoints = [1, 2]\nunit = "epochs"\ninitial = true\n'
    text = text.replace("fraction = { low = 0.05, high = 1.0, log = true }", "fraction = 0.2").replace("24", "40")
    recipe = Recipe.from_toml(text)
    return build_zoo(recipe, tmp_path_factory.mktemp("zoos") / "curves", workers=1, progress=False)


def test_states_lie_on_the_last_axis_in_order_of_time(zoo):
    nets = trajectories(zoo, ["test_accuracy"], 4)
    assert (len(nets), nets.states, len(nets.spaces)) == (40, 4, 2)
    table = zoo.table.to_pylist()
    start = 0
    for stack in nets.stacks:
        for i in range(len(stack["convs.0.weight"])):
            row = nets.rows[start + i]
            own = sorted((r["step"], k) for k, r in enumerate(table) if r["net"] == row["net"])
            assert row["step"] == own[-1][0]
            for state, (_, k) in enumerate(own):
                assert torch.equal(stack["convs.0.weight"][i, ..., state], zoo[k][0]["convs.0.weight"])
        start += len(stack["convs.0.weight"])


def test_a_metanet_reads_trajectories_whatever_the_order_of_neurons(zoo):
    nets = trajectories(zoo, ["gap"], 4)
    space, stack = nets.spaces[0], {name: tensor.double() for name, tensor in nets.stacks[0].items()}
    metanet = GraphMetanet.for_spaces(space, width=8, layers=2).double()
    permuted = space.apply(space.random_symmetry(torch.Generator().manual_seed(0)), stack)
    other = metanet(metanet.graph(space, permuted))
    torch.testing.assert_close(metanet(metanet.graph(space, stack)), other, rtol=1e-9, atol=1e-9)
    late = {name: tensor.flip(-1) for name, tensor in stack.items()}
    assert (metanet(metanet.graph(space, late)) - other).abs().max() > 1e-5


def test_another_number_of_states(zoo):
    with pytest.raises(ValueError, match="Each net needs 3 saved states, but net 0 has 4"):
        trajectories(zoo, ["gap"], 3)


def test_early_predicts_the_end_from_what_is_known_then(zoo):
    problem = early(zoo)
    assert set(problem.parts) == {"train", "val", "after epoch 1", "after epoch 2"}
    ends = {row["net"]: row["test_accuracy"] for row in zoo.final().table.to_pylist()}
    accuracy = {(row["net"], row["step"]): row["val_accuracy"] for row in zoo.table.to_pylist()}
    for point in (1, 2):
        nets = problem.parts[f"after epoch {point}"]
        assert [row["point"] for row in nets.rows] == [point] * len(nets)
        assert nets.labels[:, 0].tolist() == pytest.approx([ends[row["net"]] for row in nets.rows])
        for row in nets.rows:
            assert row[f"val_accuracy after {point}"] == pytest.approx(accuracy[row["net"], row["step"]])
            assert (row["val_accuracy after 2"] is None) == (point == 1)
            assert row["val_accuracy after 0"] == pytest.approx(accuracy[row["net"], 0])


def test_early_trajectories_hold_both_states_and_statistics_of_each(zoo):
    problem = early_trajectory(zoo)
    nets = problem.parts["after epoch 2"]
    assert nets.states == 2
    single = early(zoo).parts
    plain = LabelledSplit({name: single[name] for name in ("train", "val", "after epoch 2")})
    assert statistics_tables(problem)["train"].shape[1] == 2 * statistics_tables(plain)["train"].shape[1]
