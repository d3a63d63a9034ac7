import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from weightspace.zoo import Zoo, build_zoo
from weightspace.zoo.folder.manifest import manifest_checksum


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


NAMES = ("../../evil", "/evil", "shards/../../evil", "", ".", "shards/", "a\x00b", "a\\b", "c:evil")


def serve(zoo, place, **files):
    """The address of a zoo in memory, some of its manifest's files by another checksum."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.put(str(zoo.path), f"/zoos/{place}", recursive=True)
    manifest = json.loads((zoo.path / "manifest.json").read_text())
    manifest["files"] |= files
    manifest["checksum"] = manifest_checksum(manifest)
    memory.pipe_file(f"/zoos/{place}/manifest.json", json.dumps(manifest).encode())
    return f"memory://zoos/{place}"


@pytest.mark.parametrize("name", NAMES)
def test_a_remote_manifest_cannot_write_outside(zoo, cache, name):
    with pytest.raises(ValueError, match=r"the manifest of memory://zoos/evil/zoo names .*, which leaves its folder"):
        Zoo(serve(zoo, "evil/zoo", **{name: "0" * 64}))
    assert not cache.exists()


@pytest.mark.parametrize("text", ["null", "[]", "{}", "x", '{"files": 1}', "[" * 100_000])
def test_remote_manifests_of_any_shape_are_refused(cache, text):
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe_file("/zoos/broken/manifest.json", text.encode())
    with pytest.raises(ValueError, match=r"the manifest of memory://zoos/broken"):
        Zoo("memory://zoos/broken")
    with pytest.raises(FileNotFoundError, match=r"memory://nothing is no finished zoo: it has no manifest.json"):
        Zoo("memory://nothing")


@pytest.mark.parametrize("checksum", ["", None, "0" * 63, "é" * 64])
def test_files_without_a_checksum_are_not_taken(zoo, cache, checksum):
    with pytest.raises(ValueError, match=r"files.shards/00000.safetensors must be (text|a SHA-256)"):
        Zoo(serve(zoo, "unchecked", **{"shards/00000.safetensors": checksum}))


def test_all_who_fetch_one_zoo_at_once_get_it(zoo, cache, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    url = serve(zoo, "shared")

    def get_file(self, rpath, lpath, **options):  # as a network is: the file grows
        data = self.cat_file(rpath)
        with open(lpath, "wb") as file:
            for start in range(0, len(data), len(data) // 3 + 1):
                file.write(data[start : start + len(data) // 3 + 1])
                file.flush()
                time.sleep(0.002)

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", get_file)
    with ThreadPoolExecutor(6) as pool:
        weights = list(pool.map(lambda _: Zoo(url)[3][0]["linears.0.weight"], range(6)))
    assert all(torch.equal(tensor, zoo[3][0]["linears.0.weight"]) for tensor in weights)


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
