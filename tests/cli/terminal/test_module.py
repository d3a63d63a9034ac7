"""MODULE:NAME is found in the current folder, and every way to get it wrong is said in words."""

import argparse

import pytest
import torch

from weightspace.checkpoints import make_module
from weightspace.cli.terminal.module import add_factory, load_factory


def load(*words):
    parser = argparse.ArgumentParser()
    add_factory(parser)
    return load_factory(parser.parse_args(words))


def test_a_factory_of_the_current_folder(my_folder):
    net, inputs = load("my_nets:small", "--settings", '{"width": 7}')
    assert net.first.out_features == 7
    assert [value.shape for value in inputs] == [torch.Size([3, 2])]
    assert type(load("my_nets:Small")[0]).__name__ == "Small"


def test_inputs_of_given_shapes(my_folder):
    _, inputs = load("my_nets:plain", "--input", "5,2", "--input", "2,3:int")
    assert [(tuple(value.shape), value.is_floating_point()) for value in inputs] == [((5, 2), True), ((2, 3), False)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["my_nets"], "named as MODULE:NAME, like my_nets:resnet"),
        (["my_nts:small"], r"no my_nts.py in .* \(did you mean 'my_nets'\?\)"),
        (["my_nets:smal"], r"has no 'smal' \(did you mean 'small'\?\)"),
        (["my_nets:number"], "must give an nn.Module, got int"),
        (["my_nets:small", "--settings", '{"depth": 7}'], "couldn't be called: TypeError: .*'depth'"),
        (["my_nets:plain"], r"has no example_inputs\(\), so what it is run on must be said: --input 2,1,8,8"),
    ],
)
def test_what_is_wrong_is_said(my_folder, words, says):
    with pytest.raises(ValueError, match=says):
        load(*words)


def test_files_that_can_not_be_imported(my_folder):
    (my_folder / "typo_in_it.py").write_text("def f(:\n")
    with pytest.raises(ValueError, match="can't be imported: SyntaxError"):
        make_module("typo_in_it:f")
    (my_folder / "needs_more.py").write_text("import not_installed_anywhere\n")
    with pytest.raises(ValueError, match="needs_more can't be imported: No module named 'not_installed_anywhere'"):
        make_module("needs_more:f")
    (my_folder / "queue.py").write_text("raise SystemError('this must not run')\n")
    with pytest.raises(ValueError, match=r"has the name of another module, .*: rename the file"):
        make_module("queue:f")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--input", "2,x"], "must be sizes like 2,1,8,8 or 2,16:int, got '2,x'"),
        (["--input", "0,2"], "must be sizes"),
        (["--settings", "{"], "must be JSON"),
        (["--settings", "[1]"], "must be a JSON object"),
    ],
)
def test_flags(flags, says, capsys):
    with pytest.raises(SystemExit):
        load("my_nets:small", *flags)
    assert says in capsys.readouterr().err
