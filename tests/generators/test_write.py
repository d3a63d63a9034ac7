"""Zoos of generated nets, and the command."""

import json

import pytest
import torch

from tests.generators.cases import NETS, make, space
from weightspace import Zoo
from weightspace.cli.main import main
from weightspace.generators import finite_nets, write, write_zoo
from weightspace.nets import Architecture
from weightspace.zoo.verify import verify_zoo

ARCHITECTURE = Architecture.of(Architecture(*NETS["cnn"]).build())


def soup(**settings):
    return make("Soup", noise=0.1, **settings)


def test_a_zoo_of_generated_nets_reads_like_any_other(tmp_path):
    zoo = write_zoo(soup(), ARCHITECTURE, 5, tmp_path / "zoo", prompt={"accuracy": 0.8}, seed=7)
    assert zoo.table["net"].to_pylist() == [0, 1, 2, 3, 4]
    assert set(zoo.table["prompt_accuracy"].to_pylist()) == {0.8} and set(zoo.table["seed"].to_pylist()) == {7}
    drawn = soup().sample(space("cnn"), 5, prompt={"accuracy": 0.8}, seed=7)
    assert all(torch.equal(tensor, drawn[key]) for key, tensor in zoo.weights().items())
    assert verify_zoo(tmp_path / "zoo", sample=0).sound
    assert zoo.module(2)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_what_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "SHARD", 2)
    whole = write_zoo(soup(), ARCHITECTURE, 5, tmp_path / "whole")
    calls = []

    def stopping(shards):
        for shard in shards:
            if shard == 2 and not calls:
                calls.append(shard)
                raise KeyboardInterrupt
            yield shard

    with pytest.raises(KeyboardInterrupt):
        write_zoo(soup(), ARCHITECTURE, 5, tmp_path / "part", shown=stopping)
    again = write_zoo(soup(), ARCHITECTURE, 5, tmp_path / "part")
    assert again.table["checksum"].to_pylist() == whole.table["checksum"].to_pylist()
    assert write_zoo(soup(), ARCHITECTURE, 5, tmp_path / "part").table == again.table


def test_a_folder_with_other_nets_is_refused(tmp_path):
    write_zoo(soup(), ARCHITECTURE, 2, tmp_path / "zoo", seed=0)
    with pytest.raises(ValueError, match="another request, which differs in seed: 0 there, 1 asked for"):
        write_zoo(soup(), ARCHITECTURE, 2, tmp_path / "zoo", seed=1)
    with pytest.raises(ValueError, match="differs in fingerprint"):
        write_zoo(soup(members=3), ARCHITECTURE, 2, tmp_path / "zoo", seed=0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"isn't empty and holds no generated nets \(thesis.txt\)"):
        write_zoo(soup(), ARCHITECTURE, 2, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "dear"


@pytest.mark.parametrize("prompt", [{"accuracy": 2.0}, {"beauty": 1.0}])
def test_nothing_is_written_for_a_refused_prompt(tmp_path, prompt):
    with pytest.raises(ValueError, match="accuracy"):
        write_zoo(soup(), ARCHITECTURE, 2, tmp_path / "zoo", prompt=prompt)
    assert not (tmp_path / "zoo").exists()


class Broken(type(soup())):
    """Every other net is not finite."""

    def draw(self, space, draws, wanted, condition):
        weights = super().draw(space, draws, wanted, condition)
        weights["convs.0.weight"][1::2] = float("inf")
        return weights


def test_nets_that_aren_t_finite_are_counted_and_not_stored(tmp_path):
    broken = soup()
    broken.__class__ = Broken
    zoo = write_zoo(broken, ARCHITECTURE, 5, tmp_path / "zoo")
    assert zoo.table["net"].to_pylist() == [0, 2, 4]
    assert finite_nets(zoo.weights()).all()


def test_a_zoo_without_a_finite_net_isn_t_written(tmp_path):
    broken = soup(members=1)
    broken.nets[:] = float("nan")
    with pytest.raises(ValueError, match="None of the 4 nets that Soup gave is finite"):
        write_zoo(broken, ARCHITECTURE, 4, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


@pytest.fixture
def saved(tmp_path):
    soup().save_pretrained(tmp_path / "soup")
    write_zoo(soup(), ARCHITECTURE, 2, tmp_path / "zoo")
    return tmp_path


def command(saved, *words):
    return main(["generate", str(saved / "soup"), "--zoo", str(saved / "zoo"), "--quiet", *words])


def test_the_command_writes_a_zoo(saved, capsys):
    assert command(saved, "--prompt", "accuracy=.5", "-n", "3", "--out", str(saved / "new"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["nets"] == 3
    assert len(Zoo(saved / "new")) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt", "accuracy", "-n", "1"], "--prompt must be NAME=NUMBER, like accuracy=.9, got 'accuracy'"),
        (["--prompt", "accuracy=3", "-n", "1"], "must lie between 0.1 and 0.9"),
        (["-n", "0"], "n must be a whole number of 1 or more, got 0"),
        (["--settings", "{}", "-n", "1"], "--settings goes with --module MODULE:NAME"),
    ],
)
def test_the_command_says_what_is_wrong(saved, capsys, words, message):
    assert command(saved, *words, "--out", str(saved / "new")) == 2
    assert message in capsys.readouterr().err
    assert not (saved / "new").exists()
