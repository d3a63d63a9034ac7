import pickle
import shutil

import pyarrow.compute as pc
import pytest
import torch

from weightspace.data import load_dataset
from weightspace.zoo import Recipe, Zoo, build_zoo


def test_weights_of_a_view_follow_its_rows(zoo):
    view = next(iter(zoo.final().by_space().values()))
    stacked = view.weights()
    assert view.space.check(stacked) == len(view)
    order = list(range(len(view)))[::-1]
    backwards = view.weights(order)
    for name, tensor in stacked.items():
        assert torch.equal(tensor.flip(0), backwards[name])
    for i in range(len(view)):
        weights, row = view[i]
        assert row["net"] == view.table["net"][i].as_py()
        assert all(torch.equal(tensor, stacked[name][i]) for name, tensor in weights.items())


def test_a_module_computes_what_was_measured(zoo):
    final = zoo.final()
    data = load_dataset("digits")
    for i in range(len(final)):
        row = final.row(i)
        module = final.module(i)
        accuracy = (module(data.x_test).argmax(1) == data.y_test).float().mean().item()
        assert accuracy == pytest.approx(row["test_accuracy"], abs=1e-6)
        again = final.evaluate(i)
        for name in ("train_loss", "train_accuracy", "val_loss", "test_loss", "gap"):
            assert again[name] == pytest.approx(row[name], abs=1e-5)


def test_views_are_smaller_and_leave_the_zoo_alone(zoo):
    before = len(zoo)
    parts = [zoo.split(part) for part in ("train", "val", "test")]
    assert sum(map(len, parts)) == before == len(zoo)
    runs = [set(part.table["run"].to_pylist()) for part in parts]
    assert not runs[0] & runs[1] and not runs[0] & runs[2] and not runs[1] & runs[2]
    assert len(zoo.filter(pc.field("step") > 6)) == 12
    assert len(zoo.filter(pc.field("step") > 6, optimizer="sgd")) < 12


def test_wrong_questions_are_refused(zoo):
    with pytest.raises(ValueError, match=r"unknown column 'learning_rate'; known are net, run"):
        zoo.filter(learning_rate=1)
    with pytest.raises(ValueError, match=r"split must be one of train, val, test, got 'dev'"):
        zoo.split("dev")
    with pytest.raises(ValueError, match=r"one weight space is needed, but 2 occur .*; use by_space\(\)"):
        zoo.weights()
    with pytest.raises(ValueError, match=r"one weight space is needed, but 2 occur"):
        _ = zoo.space
    with pytest.raises(IndexError, match=r"row must be below 36, the number of states, got 36"):
        zoo.row(36)
    with pytest.raises(FileNotFoundError, match=r"is no finished zoo: it has no manifest.json"):
        Zoo(zoo.path.parent)


def test_a_view_travels_to_another_process(zoo):
    view = pickle.loads(pickle.dumps(zoo.final()))
    assert torch.equal(view[3][0]["linears.0.weight"], zoo.final()[3][0]["linears.0.weight"])
    loader = torch.utils.data.DataLoader(zoo.final(), batch_size=None, num_workers=1)
    assert [row["net"] for _, row in loader] == list(range(12))


def test_rows_that_a_view_does_not_have_are_refused(zoo):
    view = zoo.filter(net=[0, 1]).by_space()
    few = next(iter(view.values()))
    with pytest.raises(IndexError, match=rf"row must be below {len(few)}, the number of states, got {len(few)}"):
        few.weights([len(few)])
    assert torch.equal(few.weights([-1])["linears.0.weight"][0], few[len(few) - 1][0]["linears.0.weight"])


def test_slices_and_lists_give_smaller_views(zoo):
    assert zoo[3:9].table.equals(zoo.table.slice(3, 6)) and len(zoo[::-5]) == 8
    both = zoo.filter(activation=["relu", "tanh"])
    assert len(both) == len(zoo) and len(zoo.filter(activation=["relu"])) == len(zoo.filter(activation="relu"))


def test_a_zoo_that_is_open_while_its_folder_changes_keeps_its_weights_or_refuses(recipe, tmp_path):
    build_zoo(recipe, tmp_path / "zoo", nets=7, workers=1, progress=False)
    view = Zoo(tmp_path / "zoo").filter(activation="relu")
    before = view.weights()
    build_zoo(recipe, tmp_path / "zoo", workers=1, progress=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in view.weights().items())
    shutil.rmtree(tmp_path / "zoo")
    build_zoo(Recipe.from_toml(recipe.text + "\n").with_nets(12), tmp_path / "zoo", workers=1, progress=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in view.weights().items())
    shutil.rmtree(tmp_path / "zoo")
    other = Recipe.from_toml("seed = 5\n" + recipe.text.replace('["relu", "tanh"]', '"relu"'))
    build_zoo(other, tmp_path / "zoo", workers=1, progress=False)
    with pytest.raises(ValueError, match="was built again since it was opened, and has other weights now; open it"):
        view.weights()
