"""A zoo as a dataset: graphs one by one, mixed batches, loaders, transforms."""

import pytest
import torch
from torch_geometric.loader import DataLoader

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import GraphDataset, from_graph
from weightspace.metanets import GraphMetanet


class FakeZoo:
    """Nets of two architectures, as a zoo gives them."""

    def __init__(self, names=("mlp", "lenet", "mlp", "cnn", "lenet")):
        self.names = names
        self.spaces = {SPACES[name].hash: SPACES[name] for name in dict.fromkeys(names)}

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        space = SPACES[self.names[index]]
        return random_weights(space, seed=index), {"space": space.hash, "test_accuracy": index / 10, "name": "x"}


def test_graphs_hold_weights_and_labels():
    dataset = GraphDataset(FakeZoo(), labels=["test_accuracy"])
    assert len(dataset) == 5
    assert dataset[3].y.item() == pytest.approx(0.3)
    for index in range(5):
        weights, _ = dataset.zoo[index]
        assert all(torch.equal(value, weights[key]) for key, value in from_graph(dataset[index]).items())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_mixes_architectures(workers):
    dataset = GraphDataset(FakeZoo(), labels=["test_accuracy"])
    batches = list(DataLoader(dataset, batch_size=3, num_workers=workers))
    assert [batch.num_graphs for batch in batches] == [3, 2]
    metanet = GraphMetanet.for_spaces(*dataset.zoo.spaces.values(), width=8, layers=1)
    assert torch.cat([metanet(batch) for batch in batches]).shape == (5, 1)


def test_transforms_run():
    dataset = GraphDataset(FakeZoo(), transform=lambda graph: graph.update({"twice": graph.x * 2}))
    assert torch.equal(dataset[0].twice, dataset[0].x * 2)


def test_an_unknown_label_is_named():
    with pytest.raises(ValueError, match=r"\['accuracy'\] aren't, known are space, test_accuracy"):
        GraphDataset(FakeZoo(), labels=["accuracy"])[0]
