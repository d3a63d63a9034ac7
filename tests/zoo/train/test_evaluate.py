"""What is measured on a stack is what each net gives alone, on the examples and labels that count for it."""

import torch
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.nets import build_net
from weightspace.zoo.train.evaluate import PARTS, Evaluation


def stack(count=3):
    torch.manual_seed(0)
    nets = [build_net("mlp", hidden=[5], norm="batch").eval() for _ in range(count)]
    return nets, {key: torch.stack([net.state_dict()[key] for net in nets]) for key in nets[0].state_dict()}


def test_losses_and_accuracies_are_those_of_each_net_alone():
    data, (nets, weights) = load_dataset("digits"), stack()
    found = Evaluation(nets[0], data).measure(weights)
    for i, net in enumerate(nets):
        net.eval()
        for part in PARTS:
            x, y = data.part(part)
            logits = net(x.flatten(1))
            torch.testing.assert_close(found[f"{part}_loss"][i], functional.cross_entropy(logits, y))
            torch.testing.assert_close(found[f"{part}_accuracy"][i], (logits.argmax(1) == y).float().mean())
    torch.testing.assert_close(found["gap"], found["train_accuracy"] - found["test_accuracy"])


def test_only_examples_that_a_net_trains_on_count_with_its_labels():
    data, (nets, weights) = load_dataset("digits"), stack(2)
    used = torch.zeros(2, len(data.x_train), dtype=torch.bool)
    used[0, :7], used[1, 5:30] = True, True
    labels = torch.stack([data.y_train, (data.y_train + 1) % 10])
    found = Evaluation(nets[0], data).measure(weights, labels, used)
    for i, net in enumerate(nets):
        net.eval()
        wanted = functional.cross_entropy(net(data.x_train[used[i]].flatten(1)), labels[i, used[i]])
        torch.testing.assert_close(found["train_loss"][i], wanted)


def test_a_stack_of_one_and_a_sample_of_the_examples():
    data, (nets, weights) = load_dataset("digits"), stack(2)
    evaluation = Evaluation(nets[0], data, most=20)
    both = evaluation.measure(weights)
    alone = evaluation.measure({key: tensor[1:] for key, tensor in weights.items()})
    assert all(torch.equal(alone[name], values[1:]) for name, values in both.items())
    assert evaluation.sizes == [20, 20, 20]
