"""What the page's functions answer, without a browser."""

import os
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip("gradio")

from weightspace.app import answers
from weightspace.app.answers import small_file, told
from weightspace.app.browse import open_first, show_clicked, show_net
from weightspace.app.checkpoint import find_relatives, predict_checkpoint
from weightspace.app.editing import edit_net
from weightspace.app.generating import generate
from weightspace.app.page import _sort, make_page
from weightspace.app.scatter import HEIGHT, WIDTH, Axis, draw_scatter, nearest_row
from weightspace.app.space import write_space
from weightspace.app.zoos import first_columns, last_states, open_zoo
from weightspace.cli import main
from weightspace.zoo import build_zoo, export_nets


@pytest.fixture(scope="module")
def cnns(tmp_path_factory):
    """A few CNNs as digits-accuracy knows them."""
    return build_zoo("digits-cnn", tmp_path_factory.mktemp("cnns") / "zoo", nets=24, workers=1, progress=False)


@pytest.fixture(scope="module")
def inrs(tmp_path_factory):
    """A few implicit representations as digits-inr-dilate knows them."""
    return build_zoo("digits-inr", tmp_path_factory.mktemp("inrs") / "zoo", nets=16, workers=1, progress=False)


def said(function, outputs, *values):
    """The message in the page."""
    return told(outputs)(function)(*values)[0]


def test_a_zoo_is_shown_with_its_columns_dots_and_first_net(cnns):
    *columns, dots, net, facts, shown, _learning, weights, graph = open_first(str(cnns.path))
    assert [column.value for column in columns] == ["lr", "test_accuracy", "gap"]
    assert dots.shape == (HEIGHT, WIDTH, 3) and net == 0 and "### Net 0" in facts
    assert weights.visible and graph.visible and not shown.visible


def test_a_click_on_a_dot_means_its_net(cnns):
    final, (x, y, _) = last_states(cnns), ("lr", "test_accuracy", "gap")
    inner = (WIDTH - 76 - 96, HEIGHT - 14 - 50)
    for row in range(len(final)):
        place = (76 + Axis.of(cnns, x).across()[row] * inner[0], 14 + (1 - Axis.of(cnns, y).across()[row]) * inner[1])
        found = final.row(nearest_row(cnns, x, y, place))
        assert (found[x], found[y]) == (final.row(row)[x], final.row(row)[y])
    assert "### Net" in show_clicked(str(cnns.path), x, y, "optimizer", (300.0, 200.0))[2]


def test_dots_lie_where_a_click_looks_for_them(cnns):
    """The ring around a net is drawn at the pixels that lead back to it."""
    plain, ringed = (draw_scatter(cnns, "lr", "test_accuracy", "gap", marked) for marked in (None, 3))
    down, right = np.nonzero((plain != ringed).any(2))
    assert nearest_row(cnns, "lr", "test_accuracy", (float(right.mean()), float(down.mean()))) == 3


def test_columns_of_texts_and_missing_ones(cnns):
    assert Axis.of(open_zoo(str(cnns.path)), "optimizer").kinds
    message = said(show_net, 6, str(cnns.path), "lrr", "gap", "gap", 0)
    assert "no column 'lrr' (did you mean 'lr'?)" in message
    assert "has no net 99" in said(show_net, 6, str(cnns.path), "lr", "gap", "gap", 99)


def test_what_is_no_zoo_or_still_being_built_is_said(cnns, tmp_path):
    assert "Type the folder of a zoo" in said(open_first, 10, " ")
    assert "is no finished zoo" in said(open_first, 10, str(tmp_path / "nowhere"))
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build" / "00000.parquet").write_bytes(b"")
    assert "is still being built: 1 shards are done. Open it when" in said(open_first, 10, str(tmp_path))
    (tmp_path / "manifest.json").write_text("{")
    assert "must be JSON text" in said(open_first, 10, str(tmp_path))


def test_a_checkpoint_is_read_and_bad_ones_are_said(cnns, tmp_path):
    files = export_nets(last_states(cnns).filter(activation="relu"), tmp_path / "nets")
    text, picture = predict_checkpoint(None, str(files[0]), "digits-accuracy")
    assert "test_accuracy" in text and picture.visible
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(files[0].read_bytes()[:-200])
    large = tmp_path / "large.safetensors"
    with large.open("wb") as file:
        os.truncate(file.fileno(), 5_000_000_000)
    pickled = tmp_path / "evil.pt"
    torch.save({"module": torch.nn.Linear(2, 2)}, pickled)
    for path, words in (
        (broken, "broken.safetensors"), (large, "has 5.0 GB; the page reads files up to 1 GB"),
        (tmp_path / "no.pt", "There is no file"), (pickled, "evil.pt"), ("", "Drop a checkpoint here"),
    ):  # fmt: skip
        message = said(predict_checkpoint, 2, None, str(path), "digits-accuracy")
        assert words in message.replace("\\", "") and "Traceback" not in message, message
    assert "no pretrained net of that name" in said(predict_checkpoint, 2, None, str(files[0]), "digits-acuracy")
    assert small_file(str(files[0]), "") == files[0]


def test_a_child_is_found_among_strangers(cnns, tmp_path):
    files = export_nets(last_states(cnns).filter(activation="relu")[:8], tmp_path / "nets")
    parent = load_file(files[2])
    child = {name: tensor + 0.02 * tensor.std() * torch.randn(tensor.shape) for name, tensor in parent.items()}
    space = last_states(cnns).filter(activation="relu").space
    save_file(child, tmp_path / "child.safetensors", {"space": space.hash})
    text = find_relatives(None, str(tmp_path / "child.safetensors"), "digits-accuracy", str(tmp_path / "nets"))
    assert text.startswith(f"Related: {files[2].name}. Of 8 files 8 are")
    assert "Type a folder" in said(find_relatives, 1, None, str(files[0]), "digits-accuracy", str(tmp_path / "no"))
    few = tmp_path / "few"
    few.mkdir()
    save_file(child, few / "one.safetensors", {"space": space.hash})
    assert "must hold four nets" in said(find_relatives, 1, None, str(files[0]), "digits-accuracy", str(few))


def test_a_picture_is_edited_and_more_strength_changes_more(cnns, inrs):
    half, full = (edit_net(str(inrs.path), 1, "digits-inr-dilate", strength) for strength in (0.5, 1.0))
    none = edit_net(str(inrs.path), 1, "digits-inr-dilate", 0.0)
    assert np.array_equal(none[0], none[2]) and np.array_equal(half[0], full[0])
    moved = [np.abs(after.astype(float) - before).mean() for before, _, after in (half, full)]
    assert 0 < moved[0] < moved[1]
    assert "holds no implicit representations" in said(edit_net, 3, str(cnns.path), 0, "digits-inr-dilate", 1)
    assert "editing metanet is needed" in said(edit_net, 3, str(inrs.path), 0, "digits-inr-class", 1)


def test_nets_are_generated_beside_fresh_ones(cnns, inrs):
    text, picture = generate(str(cnns.path), "LayerGaussian", 8, 0)
    assert text.startswith("Mean test accuracy: LayerGaussian ") and ", He " in text and picture.ndim == 3
    assert "What 4 nets of Soup show" in generate(str(inrs.path), "Soup", 4, 0)[0]
    assert "reads weights and writes none" in said(generate, 2, str(cnns.path), "digits-accuracy", 4, 0)
    assert "must be trained first" in said(generate, 2, str(cnns.path), "Flow", 4, 0)


def test_a_fault_of_ours_is_a_sentence_too(monkeypatch):
    logged = []
    monkeypatch.setattr(answers._log, "exception", logged.append)

    def wrong():
        return {}["k"]

    message, left = told(1)(wrong)()
    assert "That should not have happened: KeyError" in message and logged
    assert left["__type__"] == "update"


def test_paths_are_sorted_into_zoos_and_files(cnns, tmp_path):
    file = tmp_path / "net.safetensors"
    file.write_bytes(b"")
    zoos, files = _sort([str(cnns.path.parent), "hf://datasets/me/zoo", str(file)])
    assert zoos == [str(cnns.path), "hf://datasets/me/zoo"] and files == [str(file)]
    with pytest.raises(FileNotFoundError, match=r"nothing at nowhere; give zoos"):
        make_page(["nowhere"])


def test_a_space_is_written(tmp_path, capsys):
    assert main(["app", "hf://datasets/me/zoo", "--space", str(tmp_path / "space")]) == 0
    assert "--repo-type space" in capsys.readouterr().err
    text = (tmp_path / "space" / "app.py").read_text()
    compile(text, "app.py", "exec")
    assert "make_page(['hf://datasets/me/zoo'])" in text
    assert "weightspace[app]>=" in (tmp_path / "space" / "requirements.txt").read_text()
    write_space(tmp_path / "space", [])  # again
    with pytest.raises(ValueError, match=r"publish runs/zoo first \('weightspace zoo push runs/zoo OWNER/NAME'\)"):
        write_space(tmp_path / "other", ["runs/zoo"])
    (tmp_path / "space" / "mine.txt").write_text("")
    with pytest.raises(ValueError, match=r"must be a new folder, got one with mine.txt"):
        write_space(tmp_path / "space", [])


def test_without_gradio_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app"]) == 2
    assert "pip install 'weightspace[app]'" in capsys.readouterr().err


def test_columns_that_are_drawn_first(cnns, inrs):
    assert first_columns(cnns)[1:] == ("test_accuracy", "gap")
    assert first_columns(inrs)[1:] == ("psnr", "split")
