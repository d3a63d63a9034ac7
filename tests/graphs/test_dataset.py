"""A real zoo as a dataset: graphs one by one, mixed batches, loaders with workers, transforms, statistics."""

from multiprocessing.reduction import ForkingPickler

import pytest
import torch
import torch_geometric.transforms as transforms
from torch_geometric.loader import DataLoader

from weightspace.graphs import GraphDataset, Layout, from_graph
from weightspace.metanets import GraphMetanet, SpaceNet, load_metanet
from weightspace.zoo import Recipe, build_zoo

MIXED = """
name = "mixed"
nets = 16
seed = 3
[data]
name = "digits"
[net]
name = "cnn"
image_size = 8
channels = { choices = [[3, 3], [4, 3, 4]] }
stride = 1
norm = ["none", "batch"]
[train]
optimizer = "adam"
lr = 0.01
batch_size = 32
steps = 2
[save]
count = 1
[split]
val = 0.2
test = 0.2
[store]
shard = 7
"""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """CNNs of four architectures, some with batch norm, on the digits."""
    return build_zoo(Recipe.from_toml(MIXED), tmp_path_factory.mktemp("zoo") / "mixed", workers=1, progress=False)


def same(graph, weights):
    back = from_graph(graph)
    return set(back) == set(weights) and all(torch.equal(back[name], weights[name]) for name in weights)


def test_graphs_hold_weights_and_labels(zoo):
    dataset = GraphDataset(zoo, labels=["test_accuracy", "gap"])
    assert len(dataset) == len(zoo)
    assert len(dataset.spaces) == 4
    for index in range(len(dataset)):
        weights, row = zoo[index]
        graph = dataset[index]
        assert same(graph, weights)
        assert graph.space == zoo.spaces[row["space"]]
        assert graph.y.tolist() == [[pytest.approx(row["test_accuracy"]), pytest.approx(row["gap"])]]
        assert graph.y.dtype == graph.x.dtype


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_mixes_architectures(zoo, workers):
    torch.manual_seed(0)  # the order of the loader and the metanet
    dataset = GraphDataset(zoo, labels=["net"])
    batches = list(DataLoader(dataset, batch_size=8, shuffle=True, num_workers=workers))
    order = torch.cat([batch.y for batch in batches]).flatten().long()
    assert sorted(order.tolist()) == sorted(zoo.table["net"].to_pylist())
    assert len(set(batches[0].space)) > 2
    row_of = {net: row for row, net in enumerate(zoo.table["net"].to_pylist())}
    metanet = GraphMetanet.for_spaces(*dataset.spaces.values(), width=8, layers=1).eval()
    together = torch.cat([metanet(batch) for batch in batches])
    alone = torch.cat([metanet(dataset[row_of[net]]) for net in order.tolist()])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5)
    for batch in batches:
        assert all(same(graph, zoo[row_of[int(graph.y)]][0]) for graph in batch.to_data_list())


def test_parts_of_a_dataset_are_datasets(zoo):
    dataset = GraphDataset(zoo, labels=["net"])
    nets = zoo.table["net"].to_pylist()
    part = dataset[5:9]
    assert [int(graph.y) for graph in part] == nets[5:9]
    assert [int(graph.y) for graph in part.__getitems__([3, 0])] == [nets[8], nets[5]]
    shuffled = next(iter(DataLoader(dataset.shuffle(), batch_size=len(zoo))))
    assert sorted(shuffled.y.flatten().long().tolist()) == sorted(nets)


def test_transforms_run_one_by_one_and_in_a_loader(zoo):
    walk = transforms.Compose(
        [transforms.AddRandomWalkPE(3, "walk"), lambda graph: graph.update({"twice": 2 * graph.x})]
    )
    dataset = GraphDataset(zoo, transform=walk)
    assert torch.equal(dataset[0].twice, dataset[0].x * 2)
    batch = next(iter(DataLoader(dataset, batch_size=len(zoo))))
    assert batch.walk.shape == (batch.num_nodes, 3)
    assert torch.equal(batch.twice, batch.x * 2)
    assert same(batch[3], zoo[3][0])


def test_a_worker_gets_a_copy_that_reads_the_same(zoo):
    dataset = GraphDataset(zoo, labels=["gap"])
    copied = ForkingPickler.loads(ForkingPickler.dumps(dataset))
    assert same(copied[2], zoo[2][0])
    assert copied[2].y == dataset[2].y


def test_statistics_come_from_training_nets_and_stay_with_the_metanet(zoo, tmp_path):
    train, val = (GraphDataset(zoo.split(part)) for part in ("train", "val"))
    torch.manual_seed(0)
    stacks = train.training_stacks()
    assert sum(len(next(iter(stack.values()))) for stack in stacks.values()) == len(train)
    batch = next(iter(DataLoader(GraphDataset(zoo.split("train"), layout=train.layout), batch_size=64)))
    plain, fitted = (SpaceNet.for_spaces(*train.spaces.values(), width=8, layers=1, probes=0).eval() for _ in range(2))
    fitted.load_state_dict(plain.state_dict())
    fitted.fit_statistics(stacks)
    assert not torch.allclose(plain(batch), fitted(batch), atol=1e-4)
    fitted.save_pretrained(tmp_path)
    assert torch.equal(load_metanet(tmp_path)(batch), fitted(batch))
    for wrong in (val, GraphDataset(zoo)):
        with pytest.raises(ValueError, match=r"training split alone; .* 'val'.*zoo.split\('train'\)"):
            wrong.training_stacks()


def test_of_many_nets_statistics_take_evenly_spread_ones(zoo):
    train = GraphDataset(zoo.split("train"))
    few = train.training_stacks(most=1)
    assert [len(next(iter(stack.values()))) for stack in few.values()] == [1] * len(train.spaces)
    first = train.zoo.table["space"].to_pylist().index(next(iter(train.spaces)))
    assert all(torch.equal(value[0], train.zoo[first][0][key]) for key, value in next(iter(few.values())).items())


def test_labels_are_checked(zoo):
    with pytest.raises(ValueError, match=r"\['accuracy'\] aren't, known are .*test_accuracy"):
        GraphDataset(zoo, labels=["accuracy"])
    with pytest.raises(ValueError, match=r"'norm' must be a number for every net, but row 0 has '(none|batch)'"):
        GraphDataset(zoo, labels=["norm"])


def test_a_layout_that_is_too_narrow_is_refused(zoo):
    with pytest.raises(ValueError, match="must hold all spaces of the zoo"):
        GraphDataset(zoo, layout=Layout())


@pytest.mark.gpu
def test_batches_go_to_the_gpu(zoo):
    dataset = GraphDataset(zoo)
    metanet = GraphMetanet.for_spaces(*dataset.spaces.values(), width=8, layers=1).eval()
    batch = next(iter(DataLoader(dataset, batch_size=len(zoo), pin_memory=True)))
    there = metanet.cuda()(batch.cuda()).cpu()
    assert torch.allclose(there, metanet.cpu()(batch.cpu()), atol=1e-4)
