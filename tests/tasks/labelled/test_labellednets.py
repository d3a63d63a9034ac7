import pytest
import torch

from weightspace.tasks.labelled.labellednets import LabelledNets, classes_of
from weightspace.zoo import merge_zoos


def test_a_word_is_a_class(tiny_zoo):
    classes = classes_of(tiny_zoo, "optimizer")
    assert classes == ("adam", "sgd")
    nets = LabelledNets.from_zoo(tiny_zoo, ["optimizer"], classes)
    assert [classes[int(number)] for number in nets.labels[:, 0]] == [row["optimizer"] for row in nets.rows]


def test_a_quantity_is_no_class_but_a_label(tiny_zoo):
    with pytest.raises(ValueError, match="'lr' holds quantities"):
        classes_of(tiny_zoo, "lr")
    nets = LabelledNets.from_zoo(tiny_zoo, ["lr", "test_loss"])
    assert nets.labels[:, 0].tolist() == pytest.approx([row["lr"] for row in nets.rows])


def test_which_zoo_a_net_is_from(tiny_zoo, tmp_path):
    both = merge_zoos([tiny_zoo.path, tiny_zoo.path], tmp_path / "both")
    classes = classes_of(both, "source")
    nets = LabelledNets.from_zoo(both, ["source"], classes)
    assert nets.labels[:, 0].long().bincount().tolist() == [24, 24]


def test_a_class_that_is_not_known(tiny_zoo):
    with pytest.raises(ValueError, match=r"'optimizer' must be one of adam, but net .* has 'sgd'"):
        LabelledNets.from_zoo(tiny_zoo, ["optimizer"], ["adam"])
    with pytest.raises(ValueError, match="can be a class, got 2"):
        LabelledNets.from_zoo(tiny_zoo, ["optimizer", "activation"], ["adam", "sgd"])
    with pytest.raises(ValueError, match="'optimiser' isn't"):
        classes_of(tiny_zoo, "optimiser")


def test_the_nets_of_one_space(tiny_zoo):
    nets = LabelledNets.from_zoo(tiny_zoo, ["gap"])
    space = nets.spaces[1]
    own, places = nets.of(space)
    assert own.spaces == (space,)
    assert torch.equal(own.labels, nets.labels[places])
    assert [row["space"] for row in own.rows] == [own.rows[0]["space"]] * len(own)
    with pytest.raises(ValueError, match="no net of the weight space"):
        own.of(nets.spaces[0])


def test_few_shapes_a_step_draw_each_net_alike(tiny_zoo, monkeypatch):
    import weightspace.tasks.labelled.labellednets as module

    nets = LabelledNets.from_zoo(tiny_zoo, ["gap"])
    batch = torch.arange(8)
    assert torch.equal(nets.with_few_shapes(batch, 1), batch)  # relu and tanh are one shape
    monkeypatch.setattr(module, "skeleton", lambda space: space.hash)
    torch.manual_seed(0)
    first = len(nets.stacks[0]["convs.0.weight"])
    counts = torch.zeros(len(nets))
    for _ in range(400):
        drawn = nets.with_few_shapes(torch.randperm(len(nets))[:8], 1)
        assert len({bool(net < first) for net in drawn}) == 1
        counts += drawn.bincount(minlength=len(nets))
    assert counts.min() > 0.6 * counts.mean()
    assert counts.max() < 1.5 * counts.mean()
