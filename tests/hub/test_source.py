"""Where a name leads, and what is said where it leads nowhere or to two places."""

import json

import pytest

from weightspace.hub import source as module
from weightspace.hub.source import find_file


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A folder with something saved, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "owner" / "net"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """One net that ships, under the name digits-accuracy."""
    folder = tmp_path / "package" / "digits-accuracy"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"metanet": "shipped"}))
    monkeypatch.setattr(module, "shipped", lambda: {"digits-accuracy": folder})
    return folder


def cached(folder, repository, name="config.json"):
    """A repository as the Hub's cache keeps it."""
    root = folder / f"models--{repository.replace('/', '--')}"
    (root / "snapshots" / "abc").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    (root / "snapshots" / "abc" / name).write_text("{}")
    return root / "snapshots" / "abc" / name


def test_a_folder_is_taken_from_where_it_lies(saved, shipped):
    assert find_file("owner/net", "config.json").resolve() == saved / "config.json"
    assert find_file(saved, "config.json") == saved / "config.json"


def test_a_shipped_net_is_found_by_its_name(saved, shipped):
    assert find_file("digits-accuracy", "config.json") == shipped / "config.json"


def test_a_folder_named_like_a_shipped_net_is_refused_with_both_spellings(saved, shipped, tmp_path):
    (tmp_path / "digits-accuracy").mkdir()
    (tmp_path / "digits-accuracy" / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a folder here and a net that ships .* './digits-accuracy'"):
        find_file("digits-accuracy", "config.json")
    assert find_file("./digits-accuracy", "config.json").read_text() == "{}"


def test_a_folder_named_like_a_fetched_repository_is_refused_with_both_spellings(saved, shipped, tmp_path):
    kept = cached(tmp_path / "cache", "owner/net")
    options = {"cache_dir": str(tmp_path / "cache"), "local_files_only": True}
    with pytest.raises(ValueError, match=r"'./owner/net' for the folder, or 'hf://owner/net'"):
        find_file("owner/net", "config.json", options)
    assert find_file("hf://owner/net", "config.json", options) == kept
    assert find_file("./owner/net", "config.json", options).resolve() == saved / "config.json"


@pytest.mark.parametrize("name", ["owner/nte", "runs/quickstart/metanet", "digits-acuracy", "./owner/x", "a b"])
def test_a_path_that_leads_nowhere_is_not_looked_up_on_the_hub(saved, shipped, name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *asked: pytest.fail("looked up on the Hub"))
    with pytest.raises(FileNotFoundError, match=r"no folder '.*', and no pretrained net .*digits-accuracy"):
        find_file(name, "config.json")


def test_a_near_name_is_offered(saved, shipped):
    with pytest.raises(FileNotFoundError, match="did you mean 'digits-accuracy'"):
        find_file("digits-acuracy", "config.json")


def test_without_a_network_it_says_what_is_cached_and_where(saved, shipped, tmp_path):
    cached(tmp_path / "cache", "someone/else")
    options = {"cache_dir": str(tmp_path / "cache"), "local_files_only": True}
    with pytest.raises(ConnectionError, match=r"doesn't have it; it holds someone/else. .*digits-accuracy"):
        find_file("nobody/nothing", "config.json", options)


def test_a_file_is_no_folder(saved, shipped):
    with pytest.raises(FileNotFoundError, match="is a file; give the folder"):
        find_file(saved / "config.json", "config.json")


def test_a_folder_that_lacks_the_file_says_what_it_should_have(saved, shipped):
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors"):
        find_file(saved, "model.safetensors")
