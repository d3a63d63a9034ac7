import torch
from torch import nn

from weightspace.zoo.train.lsuv import scale_layers


def test_outputs_of_every_layer_have_variance_one():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Linear(8, 3))
    batch = torch.randn(200, 1, 8, 8)
    for module in (net[0], net[3], net[5]):
        nn.init.normal_(module.weight, std=7.0)
    scale_layers(net, batch)
    for last in (1, 4, 6):
        assert abs(float(net[:last](batch).std()) - 1) < 0.06


def test_a_layer_that_gives_nothing_stays():
    net = nn.Sequential(nn.Linear(3, 2, bias=False))
    nn.init.zeros_(net[0].weight)
    scale_layers(net, torch.randn(10, 3))
    assert bool((net[0].weight == 0).all())
