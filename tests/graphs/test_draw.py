"""Graphs for people."""

import torch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import draw_graph, to_graph, to_networkx


def test_networkx_has_names_weights_and_vectors():
    space = SPACES["residual"]
    weights = random_weights(space)
    found = to_networkx(to_graph(space, weights))
    assert found.number_of_nodes() == sum(site.axis.size for site in space.sites)
    assert found.nodes["s", 1]["stem.bias"] == weights["stem.bias"][1].item()
    edges = {(s, t): d for s, t, d in found.edges(data=True) if d["tensor"] == "up.weight"}
    assert edges[("s", 2), ("h", 3)]["weight"] == (weights["up.weight"][3, 2].item(),)
    assert sorted(t for *_, t in found.edges(data="tensor") if t == "residual") == ["residual"] * 3


def test_a_drawing_is_written(tmp_path):
    for name, space in SPACES.items():
        path = draw_graph(to_graph(space, random_weights(space)), tmp_path / f"{name}.png", name)
        assert path.read_bytes()[:4] == b"\x89PNG"


def test_zero_weights_can_be_drawn(tmp_path):
    space = SPACES["mlp"]
    draw_graph(to_graph(space, {k: torch.zeros_like(v) for k, v in random_weights(space).items()}), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
