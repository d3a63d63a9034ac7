"""`weightspace align`, `merge`, `barrier`, `lineage`, `pack`, `unpack`: nets of somebody's own, and rows of a zoo."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from weightspace.checkpoints import make_module
from weightspace.cli import main
from weightspace.space import WeightSpace

NET = ["--module", "my_nets:small", "--settings", '{"width": 8}']


@pytest.fixture
def files(my_folder):
    """Three independent nets a, b, c; `twin` is a in disguise, `child` a with noise."""
    net = make_module("my_nets:small", {"width": 8})
    space, generator = WeightSpace.trace(net, *net.example_inputs()), torch.Generator().manual_seed(0)
    for name in "abcdefg":
        drawn = {n: torch.randn(*t.shape, generator=generator) for n, t in net.state_dict().items()}
        save_file(drawn, my_folder / f"{name}.safetensors")
    one = load_file(my_folder / "a.safetensors")
    save_file(space.apply(space.random_symmetry(generator), one), my_folder / "twin.safetensors")
    noise = {n: t + 0.05 * torch.randn(*t.shape, generator=generator) for n, t in one.items()}
    save_file(space.apply(space.random_symmetry(generator), noise), my_folder / "child.safetensors")
    save_file({"x": torch.randn(20, 2, generator=generator), "y": torch.randn(20, 1, generator=generator)},
              my_folder / "data.safetensors")  # fmt: skip
    return my_folder


def test_align_writes_the_net_in_the_other_ones_order(files, capsys):
    assert main(["align", "a.safetensors", "twin.safetensors", *NET, "--out", "out/back.safetensors", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["after"] > 0.999 > facts["correlation of weights before"]
    one, back = load_file(files / "a.safetensors"), load_file(files / "out" / "back.safetensors")
    assert all(torch.allclose(one[name], back[name]) for name in one)


def test_merge_of_twins_is_the_net(files, capsys):
    assert main(["merge", "a.safetensors", "twin.safetensors", *NET, "--out", "merged.safetensors"]) == 0
    one, merged = load_file(files / "a.safetensors"), load_file(files / "merged.safetensors")
    assert all(torch.allclose(one[name], merged[name], atol=1e-6) for name in one)
    assert "aligned" in capsys.readouterr().err


def test_barrier_prints_and_draws(files, capsys):
    command = ["barrier", "a.safetensors", "twin.safetensors", *NET, "--data", "data.safetensors", "--points", "3"]
    assert main([*command, "--plot", "p.png", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["barriers"]["aligned"]["loss"] < 1e-4
    assert "naive" in found["barriers"]
    assert "largest value" in found["definition"]
    assert (files / "p.png").read_bytes().startswith(b"\x89PNG")
    assert main(command) == 0
    assert "naive" in capsys.readouterr().out


def test_lineage_of_a_pair_and_of_many(files, capsys):
    null = ["--null", *(f"{name}.safetensors" for name in "defg")]
    p_values = []
    for other in ("child", "b"):
        assert main(["lineage", "a.safetensors", f"{other}.safetensors", *null, *NET, "--json"]) == 0
        p_values.append(json.loads(capsys.readouterr().out)["p-value"])
    assert p_values[0] < 1e-3 < p_values[1]
    nets = [f"{name}.safetensors" for name in ("a", "b", "c", "d", "e", "f", "g", "child")]
    assert main(["lineage", *nets, *NET, "--tree", "tree.png", "--json"]) == 0
    edges = json.loads(capsys.readouterr().out)
    assert [{edge["parent"], edge["child"]} for edge in edges] == [{"a", "child"}]
    assert (files / "tree.png").read_bytes().startswith(b"\x89PNG")


def test_a_space_in_json_takes_the_place_of_a_module(files, capsys):
    assert main(["symmetries", "my_nets:small", *NET[2:], "--out", "space.json"]) == 0
    command = ["align", "a.safetensors", "twin.safetensors", "--out", "o.safetensors"]
    assert main([*command, "--space", "space.json"]) == 0
    assert main(command) == 2
    assert "give --module MODULE:NAME or --space FILE" in capsys.readouterr().err


def test_rows_of_a_zoo(tiny_zoo, tmp_path, capsys):
    alike = [k for k in range(len(tiny_zoo)) if tiny_zoo.row(k)["space"] == tiny_zoo.row(0)["space"]]
    rows = [f"{tiny_zoo.path}@{k}" for k in alike[:2]]
    out = str(tmp_path / "out.safetensors")
    assert main(["align", *rows, "--out", out, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["after"] >= facts["correlation of weights before"]
    assert set(load_file(out)) == set(tiny_zoo[0][0])
    assert main(["align", rows[0], f"{tiny_zoo.path}@999999", "--out", out]) == 2
    assert "row must be a whole number below" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["align", "merge", "lineage", "inspect"])
def test_a_zoo_is_no_net(tiny_zoo, tmp_path, capsys, command):
    words = [command, str(tiny_zoo.path), *([] if command == "inspect" else [f"{tiny_zoo.path}@1"])]
    words += ["--out", str(tmp_path / "out.safetensors")] if command in ("align", "merge") else []
    assert main(words) == 2
    assert f"is a zoo: name its nets by their rows, {tiny_zoo.path}@0" in capsys.readouterr().err


def test_folders_and_patterns(files, capsys):
    (files / "nets").mkdir()
    for name in "abc":
        (files / f"{name}.safetensors").rename(files / "nets" / f"{name}.safetensors")
    assert main(["merge", "nets", *NET, "--out", "m.safetensors"]) == 0
    assert "of 3 nets" in capsys.readouterr().err
    assert main(["merge", "nets/[ab].safetensors", *NET, "--out", "m.safetensors"]) == 0
    assert "of 2 nets" in capsys.readouterr().err


def test_pack_and_unpack(tmp_path, capsys):
    generator = torch.Generator().manual_seed(0)
    base = {"w": torch.randn(256, 128, generator=generator), "b": torch.randn(256, generator=generator)}
    child = {name: tensor + 0.02 * torch.randn(*tensor.shape, generator=generator) for name, tensor in base.items()}
    paths = {name: str(tmp_path / f"{name}.safetensors") for name in ("base", "child", "packed", "again")}
    save_file(base, paths["base"])
    save_file(child, paths["child"])
    assert main(["pack", paths["child"], "--base", paths["base"], "--out", paths["packed"], "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["times smaller"] > 7.9
    assert facts["relative error of the weights"] < 0.005
    assert main(["unpack", paths["packed"], "--base", paths["base"], "--out", paths["again"]]) == 0
    assert torch.allclose(load_file(paths["again"])["w"], child["w"], atol=0.06)
    assert main(["unpack", paths["packed"], "--base", paths["child"], "--out", paths["again"]]) == 2
    assert "packed against another base" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lineage", "a.safetensors", *NET], "at least two nets, got 1"),
        (["merge", "a.safetensors", "b.safetensors", *NET, "--out", "m.bin"], "must be a .safetensors file, got m.bin"),
        (["merge", "a.safetensors", "b.safetensors", *NET, "--out", "m.safetensors", "--method", "greedy"],
         "'greedy' runs the nets on data: give --data"),
        (["align", "a.safetensors", "nowhere.safetensors", *NET, "--out", "m.safetensors"], "no checkpoint"),
        (["align", "a.safetensors", "data.safetensors", *NET, "--out", "m.safetensors"], "Give a checkpoint of"),
        (["barrier", "a.safetensors", "b.safetensors", *NET, "--data", "twin.safetensors"], "the tensors x and y"),
    ],
)  # fmt: skip
def test_errors_are_one_line(files, capsys, words, message):
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown


def test_what_is_wrong_is_said_in_the_words_of_the_command_line(files, capsys):
    def told(*words: str) -> str:
        assert main([*words, *NET]) == 2
        return capsys.readouterr().err

    pair, out = ["a.safetensors", "b.safetensors"], ["--out", "o.safetensors"]
    assert "'activations' runs the nets on data: give --data" in told("align", *pair, *out, "--method", "activations")
    assert "needs --null, at least four nets" in told("lineage", *pair, "--tree", "tree.png")
    broken = load_file(files / "b.safetensors")
    name, tensor = next(iter(broken.items()))
    save_file({**broken, name: tensor * float("nan")}, files / "nan.safetensors")
    assert f"nan.safetensors: tensor '{name}' holds NaN" in told("align", "a.safetensors", "nan.safetensors", *out)
    save_file({**broken, name: tensor[:-1].clone()}, files / "other.safetensors")
    assert "other.safetensors: The weights don't fit" in told("align", "a.safetensors", "other.safetensors", *out)
    save_file({"x": torch.zeros(4, 7), "y": torch.zeros(4, 1)}, files / "wrong.safetensors")
    assert "can't be run on inputs of shape [4, 7]" in told("barrier", *pair, "--data", "wrong.safetensors")
    assert not (files / "o.safetensors").exists()


def test_a_ratio_out_of_reach_is_said(files, capsys):
    command = ["pack", "child.safetensors", "--base", "a.safetensors", "--out", "c.safetensors", "--ratio", "500"]
    assert main(command) == 0
    assert "--ratio 500 was out of reach" in capsys.readouterr().err
