"""Zoos on the Hub: pushed and read through the Hub's own client, over HTTP."""

import json
import shutil

import pytest
import torch
from huggingface_hub import DatasetCard

from weightspace.cli import main
from weightspace.zoo import Zoo
from weightspace.zoo.folder.manifest import parse_manifest
from weightspace.zoo.publish import pull_zoo
from weightspace.zoo.verify import verify_zoo

URL = "hf://datasets/me/tiny"


@pytest.fixture
def pushed(hub, tiny_zoo):
    """The tiny zoo on the Hub, and nothing asked for yet."""
    tiny_zoo.push_to_hub("me/tiny")
    hub.asked.clear()
    return hub


def shards(zoo):
    return {f"shards/{number:05d}.safetensors" for number in zoo.table["shard"].unique().to_pylist()}


def same(zoo, other):
    """Whether two zoos have the same weights, state by state."""
    pairs = zip(zoo, other, strict=True)
    return all(torch.equal(a[name], b[name]) for (a, _), (b, _) in pairs for name in b)


def test_a_zoo_is_pushed_with_a_card_that_the_viewer_reads_and_the_manifest_last(hub, tiny_zoo):
    assert tiny_zoo.push_to_hub("me/tiny") == f"{hub.url}/datasets/me/tiny"
    repo = hub.repos["datasets/me/tiny"]
    files = repo.commits[repo.refs["main"]]
    assert set(files) - {".gitattributes"} == {*tiny_zoo.manifest["files"], "manifest.json", "README.md"}
    before_the_last = list(repo.commits.values())[-2]
    assert "manifest.json" not in before_the_last and shards(tiny_zoo) <= set(before_the_last)
    card = DatasetCard(files["README.md"].decode()).data.to_dict()
    assert card["configs"] == [{"config_name": "index", "data_files": "index.parquet"}]
    assert card["size_categories"] == ["n<1K"] and "model-zoo" in card["tags"] and card["license"] == "apache-2.0"


def test_the_index_comes_first_and_a_shard_when_it_is_asked_for(pushed, tiny_zoo):
    zoo = Zoo(URL)
    assert zoo.table.equals(tiny_zoo.table) and zoo.spaces == tiny_zoo.spaces
    assert not pushed.downloads(".safetensors")
    last = zoo.filter(shard=max(zoo.table["shard"].to_pylist()))
    assert same(last, tiny_zoo.filter(shard=max(zoo.table["shard"].to_pylist())))
    assert set(pushed.downloads(".safetensors")) == shards(last)
    pushed.asked.clear()
    assert same(zoo[:1], tiny_zoo[:1])
    assert set(pushed.downloads(".safetensors")) == shards(zoo[:1])  # what was here isn't fetched again


def test_what_was_fetched_is_read_without_a_network(pushed, tiny_zoo, monkeypatch, tmp_path):
    from huggingface_hub import constants

    Zoo(URL).fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same(Zoo(URL), tiny_zoo)
    with pytest.raises(ConnectionError, match=rf"other can't be fetched: there is no network .*{tmp_path}.* me/tiny"):
        Zoo("hf://datasets/me/other")


def test_a_download_that_breaks_off_is_resumed(pushed, tiny_zoo):
    zoo = Zoo(URL)
    pushed.asked.clear()
    pushed.cut = 1000
    assert same(zoo, tiny_zoo)
    names = pushed.downloads(".safetensors")
    assert pushed.cut == 0 and len(names) == len(set(names)) + 1  # one was asked for twice: its rest


def test_a_revision_is_pinned_and_a_wrong_one_is_named(pushed, tiny_zoo, monkeypatch):
    old = Zoo(URL)
    files = pushed.repos["datasets/me/tiny"]
    first = files.refs["main"]
    tiny_zoo.push_to_hub("me/tiny", revision="v2")
    assert "v2" in files.refs and files.refs["main"] == first
    assert len(Zoo(f"{URL}@v2")) == len(Zoo(URL, revision="v2")) == len(Zoo(f"{URL}@{first}")) == len(tiny_zoo)
    for wrong in (lambda: Zoo(f"{URL}@v9"), lambda: Zoo(URL, revision="v9")):
        with pytest.raises(FileNotFoundError, match=r"me/tiny has no revision 'v9' on the Hub; leave it out"):
            wrong()
    with pytest.raises(ValueError, match="names a revision, and revision='v1' another"):
        Zoo(f"{URL}@v2", revision="v1")
    files.commit("main", {})  # what was opened stays at its commit
    assert same(old, tiny_zoo)
    with pytest.raises(FileNotFoundError, match=r"me/tiny is no finished zoo: it has no manifest.json"):
        Zoo(URL)


def test_a_private_zoo_needs_a_token(hub, tiny_zoo, monkeypatch):
    tiny_zoo.push_to_hub("me/secret", private=True)
    assert hub.repos["datasets/me/secret"].private
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(FileNotFoundError, match=r"There is no dataset 'me/secret' on the Hub that you may read.*token"):
        Zoo("hf://datasets/me/secret")
    assert len(Zoo("hf://datasets/me/secret", token="hf_test")) == len(tiny_zoo)
    with pytest.raises(PermissionError, match=r"doesn't let you write me/new. Log in"):
        tiny_zoo.push_to_hub("me/new")


def test_a_file_that_was_changed_is_not_taken(pushed, tiny_zoo):
    repo = pushed.repos["datasets/me/tiny"]
    files = repo.commits[repo.refs["main"]]
    name = sorted(shards(tiny_zoo))[0]
    right = files[name]
    files[name] = right[:-4] + bytes(4)
    zoo = Zoo(URL)
    with pytest.raises(ValueError, match=rf"{name} has another checksum than its manifest says"):
        zoo.fetch()
    assert any(name in problem for problem in verify_zoo(URL, sample=0).problems)
    files[name] = right
    assert same(zoo, tiny_zoo)  # it wasn't kept, so the right one comes
    files["manifest.json"] = files["manifest.json"].replace(b'"nets": 24', b'"nets": 23')
    repo.commit("main", files)
    assert parse_manifest(files["manifest.json"], "")["nets"] == 23
    with pytest.raises(ValueError, match=r"manifest of .* has another checksum than it says"):
        Zoo(URL)


def test_too_many_requests(pushed):
    pushed.limited = 3
    assert len(Zoo(URL))  # waits and asks again
    pushed.limited = 10**6
    with pytest.raises(ConnectionError, match=r"too many requests came \(me/none\). Call again in 7 seconds"):
        Zoo("hf://datasets/me/none")


def test_it_is_pulled_into_a_folder_and_goes_on_where_it_stopped(pushed, tiny_zoo, tmp_path):
    out = tmp_path / "copy"
    assert verify_zoo(pull_zoo(URL, out), sample=0).sound
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == {
        *tiny_zoo.manifest["files"], "manifest.json", "README.md"}  # fmt: skip
    name = sorted(shards(tiny_zoo))[0]
    (out / name).unlink()
    pushed.asked.clear()
    pull_zoo(URL, out)
    assert (out / name).is_file() and not pushed.downloads(".safetensors")  # it was in the cache
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"other holds thesis.tex; choose a new folder"):
        pull_zoo(URL, other)


def test_what_is_not_a_zoo_or_not_whole_is_not_pushed(hub, tiny_zoo, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_zoo.path, copy)
    with pytest.raises(ValueError, match=r"a whole zoo must be pushed, got 1 of its \d+ states"):
        Zoo(copy)[:1].push_to_hub("me/part")
    (copy / "README.md").write_text("# no licence\n")
    with pytest.raises(ValueError, match=r"README.md names no licence, .*license: NAME"):
        Zoo(copy).push_to_hub("me/bare")
    Zoo(copy).push_to_hub("me/bare", license="cc-by-4.0")
    repo = hub.repos["datasets/me/bare"]
    assert b"license: cc-by-4.0" in repo.commits[repo.refs["main"]]["README.md"]
    (copy / "README.md").write_text("---\nlicense: mit\n---\n# it has one\n")
    with pytest.raises(ValueError, match=r"says the licence 'mit', got license='cc-by-4.0'"):
        Zoo(copy).push_to_hub("me/bare", license="cc-by-4.0")
    shard = copy / sorted(shards(tiny_zoo))[0]
    shard.write_bytes(shard.read_bytes()[:-4] + bytes(4))
    with pytest.raises(ValueError, match=r"isn't the file that the manifest names; see 'weightspace zoo verify"):
        Zoo(copy).push_to_hub("me/bare", license="mit")


def test_a_repository_of_something_else_stays_as_it_is(pushed, tiny_zoo):
    repo = pushed.repos["datasets/me/tiny"]
    repo.commit("main", {"images/cat.png": b"a cat", "README.md": b""})
    with pytest.raises(ValueError, match=r"me/tiny holds something else \(images/cat.png\)"):
        tiny_zoo.push_to_hub("me/tiny")
    assert repo.commits[repo.refs["main"]] == {"images/cat.png": b"a cat", "README.md": b""}


def test_commits_and_folders_stay_within_what_the_hub_asks_for(hub, tiny_zoo, monkeypatch):
    from weightspace.hub import publish

    monkeypatch.setattr(publish, "MOST_IN_COMMIT", 2)
    tiny_zoo.push_to_hub("me/small")
    assert max(hub.sizes) <= 2 and len(hub.sizes) >= 3
    monkeypatch.setattr(publish, "MOST_IN_FOLDER", 1)
    with pytest.raises(ValueError, match=r"1 a folder, got \d+ and \d+ in .*more nets a shard"):
        tiny_zoo.push_to_hub("me/many")
    monkeypatch.setattr(publish, "MOST_IN_FOLDER", 100)
    monkeypatch.setattr(publish, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"has 0 GB; the Hub asks .*fewer nets a shard"):
        tiny_zoo.push_to_hub("me/large")
    assert "datasets/me/large" not in hub.repos


def test_a_name_that_is_no_zoo_of_the_hub(hub, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"a zoo of the Hub is a data set, written hf://datasets/owner/name"):
        Zoo("hf://me/tiny")
    with pytest.raises(ValueError, match=r"written hf://datasets/owner/name, got 'hf://datasets/tiny'"):
        Zoo("hf://datasets/tiny")
    with pytest.raises(FileNotFoundError, match=r"if it lies on the Hub, write hf://datasets/me/tiny"):
        Zoo("me/tiny")


def test_a_push_that_was_stopped_leaves_no_half_zoo_and_goes_on(pushed, tiny_zoo, monkeypatch):
    from weightspace.hub import publish

    commit = publish._commit

    def stop_at_shards(api, place, revision, message, files, old=()):
        if any(name.startswith("shards/") for name in files):
            raise OSError("the connection was reset")
        commit(api, place, revision, message, files, old)

    monkeypatch.setattr(publish, "_commit", stop_at_shards)
    with pytest.raises(ConnectionError, match=r"me/tiny can't be reached: the connection was reset"):
        tiny_zoo.push_to_hub("me/tiny")
    with pytest.raises(FileNotFoundError, match=r"is no finished zoo: it has no manifest.json.*upload isn't done"):
        Zoo(URL)
    monkeypatch.setattr(publish, "_commit", commit)
    pushed.asked.clear()
    tiny_zoo.push_to_hub("me/tiny")
    assert not [line for line in pushed.asked if line.startswith("PUT")]  # the shards had arrived before
    assert same(Zoo(URL), tiny_zoo)


def test_a_download_that_never_comes_whole_says_so(pushed, tiny_zoo, monkeypatch):
    def broken(*_, **__):
        raise OSError("Consistency check failed: file should be of size 100 but has size 40")

    zoo = Zoo(URL)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", broken)
    with pytest.raises(ConnectionError, match=r"shards/\d+.safetensors of me/tiny didn't arrive whole: .*same call"):
        zoo.fetch()
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: (_ for _ in ()).throw(full))
    with pytest.raises(OSError, match="No space left"):
        zoo.fetch()


def test_rows_of_a_remote_zoo_are_nets_and_it_is_called_by_its_address(pushed, tiny_zoo, capsys, tmp_path):
    assert main(["zoo", "info", URL, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["path"] == URL and said["bytes"] == sum(tiny_zoo.manifest["sizes"].values())
    assert main(["inspect", f"{URL}@main@1"]) == 0
    assert capsys.readouterr().out.startswith("WeightSpace ")
    assert main(["inspect", URL]) == 2
    assert f"{URL} is a zoo: name its nets by their rows, {URL}@0" in capsys.readouterr().err
    net = tiny_zoo[:1].space
    same_space = [row for row in range(len(tiny_zoo)) if tiny_zoo[row : row + 1].space == net][:2]
    rows = [f"{URL}@{row}" for row in same_space]
    assert main(["align", *rows, "--out", str(tmp_path / "aligned.safetensors")]) == 0
    assert main(["predict", "digits-accuracy", URL]) == 2  # of other architectures
    assert "snapshots" not in capsys.readouterr().err
