"""Metanets and generators on the Hub: pushed and loaded through the Hub's own client, over HTTP."""

import json
import os
import subprocess
import sys

import pytest
import torch

from tests.hub.server import TOKEN
from weightspace import load_metanet
from weightspace.cli import main
from weightspace.generators import LayerGaussian
from weightspace.metanets import SpaceNet, StatNet
from weightspace.nets import build_net, example_inputs
from weightspace.space import WeightSpace


@pytest.fixture(scope="module")
def space():
    net = build_net("mlp", in_features=4, hidden=[5], out_features=3)
    return WeightSpace.trace(net, *example_inputs(net))


@pytest.fixture(scope="module")
def weights(space):
    return {name: torch.randn(6, *spec.shape) for name, spec in space.tensors.items()}


@pytest.fixture(scope="module")
def metanet(space, weights):
    torch.manual_seed(0)
    return SpaceNet.for_spaces(space, outputs=1, labels=("gap",), label_mean=(0.0,), label_std=(1.0,)).eval()


def main_files(hub, name):
    repo = hub.repos[name]
    return repo.commits[repo.refs["main"]]


def test_a_metanet_comes_back_as_it_went(hub, metanet, space, weights):
    assert metanet.push_to_hub("me/net", license="mit") == f"{hub.url}/me/net"
    files = main_files(hub, "me/net")
    assert set(files) == {"config.json", "model.safetensors", "README.md", ".gitattributes"}
    card = files["README.md"].decode()
    assert "license: mit" in card and "Predicts gap of a network from its weights" in card and space.hash in card
    for spelling in ("me/net", "hf://me/net", "hf://me/net@main"):
        loaded = load_metanet(spelling)
        assert torch.equal(loaded(loaded.graph(space, weights)), metanet(metanet.graph(space, weights)))
    assert isinstance(SpaceNet.from_pretrained("me/net", revision="main"), SpaceNet)


def test_a_generator_comes_back_as_it_went(hub, space, weights):
    generator = LayerGaussian.from_nets(space, weights)
    generator.push_to_hub("me/generator", license="mit")
    ours, theirs = generator.sample(space, 2, seed=1), load_metanet("me/generator").sample(space, 2, seed=1)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_card_without_a_licence_is_not_pushed(hub, metanet):
    with pytest.raises(ValueError, match=r"README.md names no licence, .*license='apache-2.0'.*--license apache-2.0"):
        metanet.push_to_hub("me/net")
    assert not hub.repos
    with pytest.raises(ValueError, match=r"front matter of .*README.md can't be read"):
        metanet.push_to_hub("me/net", card="---\nlicense: [\n---\n", license="mit")
    metanet.push_to_hub("me/net", card="---\nlicense: cc0-1.0\n---\nmine\n")
    assert main_files(hub, "me/net")["README.md"].decode().endswith("mine\n")


def test_versions_are_kept_apart(hub, metanet, space):
    metanet.push_to_hub("me/net", license="mit")
    other = StatNet.for_spaces(space, outputs=1)
    other.push_to_hub("me/net", license="mit", revision="v2")
    assert isinstance(load_metanet("me/net"), SpaceNet)
    assert isinstance(load_metanet("me/net@v2"), StatNet) and isinstance(load_metanet("me/net", revision="v2"), StatNet)
    with pytest.raises(FileNotFoundError, match=r"me/net has no revision 'v9' on the Hub"):
        load_metanet("me/net@v9")


def test_without_a_network_what_was_fetched_loads(hub, metanet, monkeypatch, tmp_path):
    from huggingface_hub import constants

    metanet.push_to_hub("me/net", license="mit")
    elsewhere = str(tmp_path / "elsewhere")
    load_metanet("me/net", cache_dir=elsewhere)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_metanet("me/net", cache_dir=elsewhere)
    load_metanet("me/net", cache_dir=elsewhere, local_files_only=True)
    with pytest.raises(ConnectionError, match=r"config.json of me/net can't be fetched.*it holds no model.*digits"):
        load_metanet("me/net")
    with pytest.raises(ConnectionError, match=rf"the cache {elsewhere} doesn't have it; it holds me/net\."):
        load_metanet("me/other", cache_dir=elsewhere)


def test_a_private_one_needs_a_token(hub, metanet, monkeypatch):
    metanet.push_to_hub("me/secret", license="mit", private=True)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(FileNotFoundError, match=r"no model 'me/secret' on the Hub that you may read. .*give a token"):
        load_metanet("me/secret")
    assert load_metanet("me/secret", token=TOKEN)


def test_what_broke_off_is_resumed_and_a_busy_server_is_named(hub, metanet):
    metanet.push_to_hub("me/net", license="mit")
    hub.cut = 2000
    assert load_metanet("me/net") and hub.cut == 0
    hub.limited = 10**6
    with pytest.raises(ConnectionError, match=r"too many requests came \(me/other\)"):
        load_metanet("me/other")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pytorch_model.bin": b"x", "model.gguf": b""}, r"has no config.json but pytorch_model.bin, which may run"),
        ({"data.csv": b"1"}, r"The repository me/odd has no config.json: it wasn't saved by weightspace"),
        ({"config.json": b'{"model_type": "bert"}'}, r"me/odd wasn't saved by weightspace: its config.json names no"),
        ({"config.json": b"{"}, r"me/odd/config.json must be JSON text"),
    ],
)
def test_a_repository_that_is_not_ours(hub, metanet, files, said):
    metanet.push_to_hub("me/odd", license="mit")
    hub.repos["me/odd"].commit("main", files)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        load_metanet("me/odd")


def test_a_newer_format_and_unknown_keys_are_named(hub, metanet):
    metanet.push_to_hub("me/net", license="mit")
    files = main_files(hub, "me/net")
    config = json.loads(files["config.json"])
    for change, said in (
        ({"format": 2}, r"config.json has format 2, this version reads up to 1; update weightspace"),
        ({"from_the_future": 1}, r"unknown: \['from_the_future'\].*another version"),
    ):
        hub.repos["me/net"].commit("main", {**files, "config.json": json.dumps({**config, **change}).encode()})
        with pytest.raises(ValueError, match=said):
            load_metanet("me/net")
    del config["format"]  # as older versions wrote it
    hub.repos["me/net"].commit("main", {**files, "config.json": json.dumps(config).encode()})
    assert load_metanet("me/net")


def test_tensors_that_were_cut_or_changed_are_refused(hub, metanet):
    metanet.push_to_hub("me/net", license="mit")
    files = main_files(hub, "me/net")
    hub.repos["me/net"].commit("main", {**files, "model.safetensors": files["model.safetensors"][:-100]})
    with pytest.raises(ValueError, match="must be a whole safetensors file"):
        load_metanet("me/net")


def test_another_push_does_not_touch_what_others_put_there(hub, metanet):
    metanet.push_to_hub("me/net", license="mit")
    hub.repos["me/net"].commit("main", {"thesis.pdf": b"mine"})
    with pytest.raises(ValueError, match=r"me/net holds something else \(thesis.pdf\), which stays"):
        metanet.push_to_hub("me/net", license="mit")


def test_the_commands_push_and_pull(hub, metanet, tmp_path, capsys):
    metanet.save_pretrained(tmp_path / "net")
    folder = str(tmp_path / "net")
    assert main(["push", folder, "me/net"]) == 2
    assert "--license apache-2.0" in capsys.readouterr().err
    assert main(["push", str(tmp_path / "nothing"), "me/net", "--license", "mit"]) == 2
    assert "must be a folder that save_pretrained wrote" in capsys.readouterr().err
    assert main(["push", folder, "me/net", "--license", "mit", "--revision", "v1"]) == 0
    assert f"Published: {hub.url}/me/net" in capsys.readouterr().err
    assert main(["pull", "me/net@v1", "--out", str(tmp_path / "again")]) == 0
    assert "The SpaceNet is in" in capsys.readouterr().err
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "net" / "model.safetensors"
    ).read_bytes()
    assert main(["pull", "me/net@v1", "--out", folder]) == 2
    assert "must be a new or an empty folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_zoo_goes_from_one_process_to_another(hub, tiny_zoo, tmp_path):
    """Processes of their own, which find the server through HF_ENDPOINT."""
    env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN,
           "HF_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}  # fmt: skip
    for words in (("push", tiny_zoo.path, "me/tiny"), ("pull", "me/tiny", "--out", tmp_path / "again")):
        command = [sys.executable, "-m", "weightspace", "zoo", *map(str, words)]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "manifest.json").read_bytes() == (tiny_zoo.path / "manifest.json").read_bytes()


def test_what_fails_in_a_thread_of_an_upload_is_said_in_one_line(hub, metanet, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("Error while uploading 'model.safetensors' to the Hub.") from OSError("reset by peer")

    monkeypatch.setattr("huggingface_hub.HfApi.create_commit", fail)
    with pytest.raises(ConnectionError, match=r"me/net can't be reached: reset by peer. What is there stays"):
        metanet.push_to_hub("me/net", license="mit")
