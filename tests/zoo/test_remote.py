import json
import shutil

import pytest
import torch

from weightspace.zoo import Zoo, build_zoo


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_zoo_is_built_to_a_url_and_opened_from_it(recipe, zoo, cache):
    fsspec = pytest.importorskip("fsspec")
    url = "memory://zoos/tiny"
    build_zoo(recipe, url, workers=1, progress=False)
    files = fsspec.filesystem("memory")
    assert files.exists("/zoos/tiny/manifest.json") and files.exists("/zoos/tiny/shards/00002.safetensors")
    shutil.rmtree(cache)
    opened = Zoo(url)
    assert opened.table.drop_columns(["seconds"]).equals(zoo.table.drop_columns(["seconds"]))
    assert torch.equal(opened[3][0]["linears.0.weight"], zoo[3][0]["linears.0.weight"])
    files.rm("/zoos/tiny/shards/00002.safetensors")
    assert len(Zoo(url)) == 36  # from the cache: the manifest is the same


def test_what_arrives_damaged_is_not_taken(zoo, cache):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.put(str(zoo.path), "/zoos/damaged", recursive=True)
    url = "memory://zoos/damaged"
    whole = files.cat_file("/zoos/damaged/shards/00001.safetensors")
    files.pipe_file("/zoos/damaged/shards/00001.safetensors", whole[:-9])
    opened = Zoo(url)
    with pytest.raises(ValueError, match=r"damaged/shards/00001.safetensors has another checksum than its manifest"):
        opened.fetch()
    files.rm("/zoos/damaged/shards/00001.safetensors")
    with pytest.raises(FileNotFoundError):
        opened.fetch()
    files.pipe_file("/zoos/damaged/shards/00001.safetensors", whole)
    assert torch.equal(opened.fetch()[20][0]["linears.0.weight"], zoo[20][0]["linears.0.weight"])


def test_a_remote_manifest_cannot_write_outside(recipe, cache):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    manifest = {"format": 1, "name": "", "recipe": "", "nets": 0, "states": 0, "hyperparameters": []}
    manifest |= {"files": {"../../evil": "0" * 64}}
    files.pipe_file("/zoos/evil/zoo/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(ValueError, match=r"names '../../evil', which leaves its folder"):
        Zoo("memory://zoos/evil/zoo")
    with pytest.raises(FileNotFoundError, match=r"memory://nothing is no finished zoo: it has no manifest.json"):
        Zoo("memory://nothing")


def test_a_build_does_not_publish(recipe, cache):
    with pytest.raises(
        ValueError, match=r"a build does not publish: build into a folder, then 'weightspace zoo push FOLDER me/tiny'"
    ):
        build_zoo(recipe, "hf://datasets/me/tiny", workers=1, progress=False)
    assert not cache.exists()  # said before anything is built


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/zoo", "needs a driver that isn't installed: Install s3fs"),
        ("foo://bucket/zoo", "can't be written, so nothing was trained: Protocol not known: foo"),
        ("file:///proc/zoo", "file:///proc/zoo can't be written, so nothing was trained"),
    ],
)
def test_a_url_is_tried_before_anything_is_trained(recipe, cache, url, message, monkeypatch):
    monkeypatch.setattr("weightspace.zoo.build.build.try_net", lambda *_: pytest.fail("a net was run first"))
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(ValueError, match=message):
        build_zoo(recipe, url, workers=1, progress=False)


def test_trying_a_url_leaves_nothing_there(recipe, cache, tmp_path, monkeypatch):
    def stop(*_):
        raise ValueError("far enough")

    monkeypatch.setattr("weightspace.zoo.build.build.try_net", stop)
    with pytest.raises(ValueError, match="far enough"):
        build_zoo(recipe, f"file://{tmp_path}/there", workers=1, progress=False)
    assert list((tmp_path / "there").iterdir()) == []
