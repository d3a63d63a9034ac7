"""The command line: help that teaches, one clear message and exit code 2 for what can't be done, JSON on request."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import torch
from filelock import FileLock
from safetensors.torch import save_file

from weightspace import __version__
from weightspace.cli import main
from weightspace.cli.main import build_parser


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["--help"], "weightspace zoo build"),
        (["quickstart", "--help"], "goes on from what it has"),
        (["zoo", "--help"], "build"),
        (["zoo", "build", "--help"], "Net i depends on the recipe and on i alone"),
        (["zoo", "info", "--help"], "saved states"),
        (["zoo", "plot", "--help"], "learning curves"),
        (["zoo", "verify", "--help"], "checksum"),
        (["zoo", "merge", "--help"], "source"),
        (["zoo", "import", "--help"], "layout.csv"),
        (["predict", "--help"], "nothing in a file is ever run"),
        (["--version"], "weightspace 0."),
    ],
)
def test_help_teaches(command, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 0
    assert says in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["zoo"]])
def test_a_command_without_its_subcommand_shows_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert "commands:" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["weightspace"])
def test_the_package_runs_as_a_module(module):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"weightspace {__version__}\n"


def test_help_loads_nothing_heavy():
    """What makes `--help` quick: neither torch nor numpy is imported for it."""
    code = "import sys\nfrom weightspace.cli.main import build_parser\nbuild_parser().format_help()\n"
    code += "print([name for name in ('torch', 'numpy', 'rich', 'pyarrow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def every_parser(parser=None):
    """Each command of the command line: its words and its parser."""
    parser = parser or build_parser()
    yield parser
    for child in parser.subcommands.choices.values() if parser.subcommands else ():
        yield from every_parser(child)


@pytest.mark.parametrize("parser", list(every_parser()), ids=lambda parser: parser.prog)
def test_each_help_has_an_example_that_parses(parser):
    """Every line of a description that shows a command is one that the parser takes."""
    lines = re.findall(r"^  (weightspace .*?)(?:   .*)?$", parser.description, re.MULTILINE)
    assert lines or parser.prog == "weightspace quickstart"
    for line in lines:
        words = shlex.split(re.sub(r" *[|#].*", "", line))
        build_parser().parse_args(words[1:])


def refused(command, capsys):
    """The message of a command that exits with 2."""
    assert main([str(word) for word in command]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("weightspace: ")
    assert "Traceback" not in captured.err
    return captured.err


def test_build_info_and_json(tmp_path, tiny_recipe, capsys):
    out = str(tmp_path / "zoo")
    assert main(["zoo", "build", str(tiny_recipe), "--out", out, "--nets", "12", "--workers", "1", "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert (built["nets"], built["name"]) == (12, "tiny")
    assert main(["zoo", "info", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == built
    assert main(["zoo", "info", out]) == 0
    shown = capsys.readouterr().out
    assert "12, 12 saved states, 0 diverged" in shown
    assert "test_accuracy" in shown


def test_verify_plot_and_merge(tiny_zoo, tmp_path, capsys):
    assert main(["zoo", "verify", str(tiny_zoo.path), "--sample", "2", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["sound"], verdict["states"], verdict["evaluated"]) == (True, 24, 2)
    assert main(["zoo", "plot", str(tiny_zoo.path), "--out", str(tmp_path / "figures")]) == 0
    written = capsys.readouterr().out.split()
    assert len(written) >= 2
    assert all(path.endswith(".png") for path in written)
    both = str(tmp_path / "both")
    assert main(["zoo", "merge", str(tiny_zoo.path), str(tiny_zoo.path), "--out", both]) == 0
    assert "48 saved states" in capsys.readouterr().err


def test_verify_names_what_is_wrong(tiny_zoo, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_zoo.path, broken)
    shard = next((broken / "shards").iterdir())
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    assert main(["zoo", "verify", str(broken), "--sample", "0"]) == 1
    assert shard.name in capsys.readouterr().out


def test_predict_table_and_json(tiny_quickstart, capsys):
    out, result = tiny_quickstart
    files = [str(out / name) for name in result["checkpoint"]["files"]]
    assert main(["predict", str(out / "metanet"), *files]) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("test_accuracy", "gap", "checkpoint-permuted.safetensors"))
    assert main(["predict", str(out / "metanet"), files[0], "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert {name: found[name] for name in ("test_accuracy", "gap")} == result["checkpoint"]["predicted"]


def test_quickstart_prints_its_table(tiny_quickstart, tiny_recipe, capsys, monkeypatch):
    import weightspace.tasks.quickstart.quickstart as module

    out, result = tiny_quickstart
    asked = []
    monkeypatch.setattr(module, "run_quickstart", lambda config, **_: asked.append(config) or result)
    assert main(["quickstart", "--recipe", str(tiny_recipe), "--out", str(out), "--steps", "10", "--quiet"]) == 0
    assert (asked[0].recipe, asked[0].steps) == (str(tiny_recipe), 10)
    table = capsys.readouterr().out
    assert all(method in table for method in [*result["scores"], "a perfect ranker"])
    assert main(["quickstart", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == result


def test_an_unknown_recipe_lists_the_known(tmp_path, capsys):
    message = refused(["zoo", "build", "digits-cn", "--out", tmp_path / "zoo"], capsys)
    assert "digits-cnn" in message


def test_a_recipe_with_an_unknown_key_names_file_and_key(tmp_path, tiny_recipe, capsys):
    recipe = tmp_path / "bad.toml"
    recipe.write_text(tiny_recipe.read_text().replace("batch_size", "batchsize"))
    message = refused(["zoo", "build", recipe, "--out", tmp_path / "zoo"], capsys)
    assert all(word in message for word in ("bad.toml", "batchsize", "batch_size"))
    assert not (tmp_path / "zoo").exists()


def test_a_folder_that_holds_another_zoo_is_refused_untouched(tiny_zoo, tmp_path, tiny_recipe, capsys):
    recipe = tmp_path / "other.toml"
    recipe.write_text(tiny_recipe.read_text().replace("steps = 20", "steps = 21"))
    before = {path: path.read_bytes() for path in tiny_zoo.path.rglob("*") if path.is_file()}
    message = refused(["zoo", "build", recipe, "--out", tiny_zoo.path, "--quiet"], capsys)
    assert "hash" in message or "another" in message
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_that_another_builder_works_in(tmp_path, tiny_recipe, capsys):
    (tmp_path / "zoo").mkdir()
    with FileLock(tmp_path / "zoo" / ".lock"):
        message = refused(["zoo", "build", tiny_recipe, "--out", tmp_path / "zoo", "--quiet"], capsys)
    assert "another builder is at work" in message


def test_no_zoo_there(tmp_path, capsys):
    assert "no finished zoo" in refused(["zoo", "info", tmp_path], capsys)


def test_a_file_with_code_is_refused_with_what_to_do(tiny_quickstart, tmp_path, capsys):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pt")
    message = refused(["predict", tiny_quickstart[0] / "metanet", tmp_path / "net.pt"], capsys)
    assert "torch.save(model.state_dict()" in message


def test_weights_that_do_not_fit(tiny_quickstart, tmp_path, capsys):
    save_file({"w": torch.ones(2, 3)}, tmp_path / "net.safetensors")
    message = refused(["predict", tiny_quickstart[0] / "metanet", tmp_path / "net.safetensors"], capsys)
    assert "net.safetensors: The weights don't fit" in message


def test_no_metanet_there(tmp_path, capsys):
    assert "config.json" in refused(["predict", tmp_path, tmp_path / "net.safetensors"], capsys)


def test_interrupted(monkeypatch, capsys):
    import weightspace.zoo as zoo

    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo.Recipe, "load", interrupt)
    assert main(["zoo", "build", "digits-cnn", "--out", "nowhere"]) == 130
    assert "goes on from there" in capsys.readouterr().err


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    import weightspace.zoo as zoo

    def break_down(name):
        raise AssertionError("ours")

    monkeypatch.setattr(zoo.Recipe, "load", break_down)
    with pytest.raises(AssertionError, match="ours"):
        main(["zoo", "build", "digits-cnn", "--out", "nowhere"])
