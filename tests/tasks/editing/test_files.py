import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.inr.inrs import DIGITS, build
from weightspace.cli import main
from weightspace.inr import Convention, render
from weightspace.metanets import UNF
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import make_editor
from weightspace.tasks.editing.files import edit_files, write_inr
from weightspace.tasks.editing.fit import EditConfig, fit_inputs, settings_of

EDITS = ("dilate", "blur:sigma=0.7")
TOLD = {
    "w0": 10.0, "first_layer": "same", "output_shift": 0.5, "grid": "corners", "coordinates": (-1, 1),
    "values": (0, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return build(DIGITS, tmp_path_factory.mktemp("inr"))


def saved_editor(zoo, folder, edits, **config):
    nets = EditNets.from_zoo(zoo, edits)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        editor = make_editor(UNF, settings_of(nets, edits, EditConfig(**config)), width=4, layers=1)
    fit_inputs(editor, nets)
    editor.metanet.save_pretrained(folder)
    return editor


@pytest.fixture(scope="module")
def folder(zoo, tmp_path_factory):
    """A metanet that edits in two ways, one that makes wider nets, and three nets."""
    folder = tmp_path_factory.mktemp("editor")
    saved_editor(zoo, folder / "two", EDITS)
    saved_editor(zoo, folder / "wide", EDITS[:1], candidates=2)
    for number in range(3):
        write_inr(folder / "nets" / f"{number}.safetensors", zoo[number][0], zoo.convention, {"data": "{}"})
    save_file(zoo[0][0], folder / "plain.safetensors")
    return folder


def metadata(path):
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_an_edited_net_is_a_checkpoint_with_its_convention(zoo, folder, tmp_path, capsys):
    out, picture = tmp_path / "edited.safetensors", tmp_path / "wall.png"
    command = ["edit", folder / "two", folder / "nets" / "1.safetensors", "--edit", "dilate", "--out", out]
    assert main([str(word) for word in [*command, "--picture", picture]]) == 0
    assert "dilate:size=3" in capsys.readouterr().out
    assert picture.stat().st_size > 2000
    weights, note = load_file(out), metadata(out)
    convention = Convention.from_dict(json.loads(note["convention"]))
    assert convention == zoo.convention
    assert note["space"] == zoo.space.hash
    assert (json.loads(note["edits"]), note["data"]) == (["dilate:size=3"], "{}")
    assert render(weights, convention).shape == (1, 8, 8)
    assert not torch.equal(weights["linears.1.weight"], zoo[1][0]["linears.1.weight"])


def test_folders_strength_and_edits_in_a_row(zoo, folder, tmp_path, capsys):
    words = ["edit", folder / "two", folder / "nets", "--edit", "blur", "--edit", "dilate", "--strength", "0", "--json"]
    assert main([str(word) for word in [*words, "--out", tmp_path / "still"]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [entry["edits"] for entry in told] == [["blur:sigma=0.7", "dilate:size=3"]] * 3
    assert all(entry["before"] == pytest.approx(entry["after"]) for entry in told)
    still = load_file(tmp_path / "still" / "2.safetensors")
    torch.testing.assert_close(still, dict(zoo[2][0]))


def test_averaged_outputs_are_one_wider_net(folder, tmp_path):
    from weightspace.metanets import load_metanet
    from weightspace.tasks.editing.editor import Editor

    editor = Editor(load_metanet(folder / "wide"))
    (edited,) = edit_files(editor, [folder / "nets" / "0.safetensors"], tmp_path / "wide.safetensors")
    note = metadata(tmp_path / "wide.safetensors")
    convention = Convention.from_dict(json.loads(note["convention"]))
    assert convention.architecture.settings["hidden"] == [12, 10]
    assert "space" not in note
    torch.testing.assert_close(render(load_file(edited.path), convention), edited.after)
    with pytest.raises(ValueError, match=r"settings.hidden is \[12, 10\] here and was \[6, 5\] in training"):
        edit_files(editor, [edited.path], tmp_path / "again.safetensors")


def test_a_file_made_elsewhere_is_edited_when_told_how_it_renders(folder, tmp_path):
    words = ["edit", folder / "two", "--edit", "dilate", "--out", tmp_path / "a.safetensors"]
    flags = ["--w0", 10, "--first-layer", "same", "--output-shift", 0.5, "--grid", "corners"]
    ranges = ["--coordinates", -1, 1, "--values", 0, 1]
    assert main([str(word) for word in [*words, folder / "plain.safetensors", *flags, *ranges]]) == 0
    stored = [*words[:-1], tmp_path / "b.safetensors", folder / "nets" / "0.safetensors"]
    assert main([str(word) for word in stored]) == 0
    assert load_file(tmp_path / "a.safetensors").keys() == load_file(tmp_path / "b.safetensors").keys()
    for name, tensor in load_file(tmp_path / "a.safetensors").items():
        torch.testing.assert_close(tensor, load_file(tmp_path / "b.safetensors")[name])


def refused(words, capsys):
    """The message of a command that exits with 2."""
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "net", "message"),
    [
        (["--edit", "erode"], "nets/0", "edits by dilate:size=3, blur:sigma=0.7; got 'erode'"),
        ([], "nets/0", "got no name"),
        (["--edit", "dilate"], "plain", "doesn't store how it is rendered. Say it with --w0, --w0-hidden, "
         "--first-layer, --output-shift, --grid, --coordinates, --values; the metanet was trained on nets with --w0 1"),
        (["--edit", "dilate", "--w0", "10"], "plain", "Say it with --first-layer, --output-shift, --grid, --coord"),
        (["--edit", "dilate", "--w0", "10"], "nets/0", "stores its convention; leave out --w0"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(folder, tmp_path, capsys, flags, net, message):
    words = ["edit", folder / "two", folder / f"{net}.safetensors", "--out", tmp_path / "x.safetensors", *flags]
    assert message in refused(words, capsys)
    assert not (tmp_path / "x.safetensors").exists()


def test_a_net_that_renders_in_another_way_is_refused_with_what_differs(zoo, folder, tmp_path, capsys):
    told = [f"--{name.replace('_', '-')}={value}" for name, value in TOLD.items() if not isinstance(value, tuple)]
    told = [flag.replace("--w0=10.0", "--w0=30") for flag in told] + ["--coordinates", "-1", "1", "--values", "-1", "1"]
    words = ["edit", folder / "two", folder / "plain.safetensors", "--edit", "dilate", "--out", tmp_path / "x"]
    message = refused([*words, *told], capsys)
    assert "convention.settings.w0 is 30.0 here and was 10.0 in training" in message
    assert "convention.low is -1.0 here and was 0.0" in message


def test_a_net_of_another_size_is_refused_with_what_differs(zoo, folder, tmp_path, capsys):
    cut = {name: tensor[:-1] if name.startswith("linears.0") else tensor for name, tensor in zoo[0][0].items()}
    write_inr(tmp_path / "cut.safetensors", cut, zoo.convention)
    words = ["edit", folder / "two", tmp_path / "cut.safetensors", "--edit", "dilate", "--out", tmp_path / "x"]
    assert "'linears.0.weight' must have the shape (6, 2), got (5, 2)" in refused(words, capsys)


def test_a_net_of_other_data_is_edited_with_a_warning(zoo, folder, tmp_path, capsys):
    write_inr(tmp_path / "a.safetensors", zoo[0][0], zoo.convention, {"data": '{"name": "fashion"}'})
    words = ["edit", folder / "two", tmp_path / "a.safetensors", "--edit", "dilate", "--out", tmp_path / "x"]
    assert main([str(word) for word in words]) == 0
    assert "trained on: data.name is fashion here and was digits in training" in capsys.readouterr().err
    assert (tmp_path / "x" / "a.safetensors").exists()


def test_nothing_is_overwritten_that_is_read(folder, tmp_path, capsys):
    words = ["edit", folder / "two", folder / "nets", "--edit", "dilate", "--out"]
    assert "would overwrite" in refused([*words, folder / "nets"], capsys)
    assert "3 nets need a folder" in refused([*words, tmp_path / "one.safetensors"], capsys)
    twice = [*words[:2], folder / "nets" / "0.safetensors", folder / "nets" / "0.safetensors", *words[3:]]
    assert "have the same name" in refused([*twice, tmp_path / "out"], capsys)


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        main(["edit", "--help"])
    assert "--first-layer, --output-shift, --grid" in capsys.readouterr().out
