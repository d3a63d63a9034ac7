"""Checkpoints of one's own with labels from a CSV file: what is read, what is refused, how parts are drawn."""

import csv

import pytest
import torch
from torch import nn

from weightspace.tasks.labelled.labellednets import LabelledNets


class Net(nn.Module):
    def __init__(self, width=4, activation=nn.ReLU):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), activation(), nn.Linear(width, 2))

    def forward(self, x):
        return self.body(x)

    def example_inputs(self):
        return (torch.ones(2, 3),)


def write(folder, count=20, widths=(4,), **columns):
    """Checkpoints ``net-0.pth`` ... with a file of labels; each column a function of the net's number."""
    columns = columns or {"accuracy": lambda n: n / count}
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *columns])
        for number in range(count):
            torch.manual_seed(number)
            saved = {"model": Net(widths[number % len(widths)]).half().state_dict(), "epoch": 3}
            torch.save(saved, folder / f"net-{number}.pth")
            writer.writerow([f"net-{number}.pth", *(column(number) for column in columns.values())])
    return f"{folder}/*.pth", folder / "labels.csv"


def test_files_are_stacked_and_labelled_by_name(tmp_path):
    files, labels = write(tmp_path, accuracy=lambda n: n / 20, loss=lambda n: 5.0 - n, note=lambda n: f"run {n}")
    nets = LabelledNets.from_files(files, Net, labels)
    assert nets.names == ("accuracy", "loss")
    assert nets.classes == ()
    assert [row["file"].rsplit("/", 1)[1] for row in nets.rows] == sorted(f"net-{n}.pth" for n in range(20))
    numbers = torch.tensor([int(row["file"].rsplit("-", 1)[1].removesuffix(".pth")) for row in nets.rows])
    torch.testing.assert_close(nets.labels, torch.stack([numbers / 20, 5.0 - numbers], 1))
    torch.manual_seed(int(numbers[7]))
    torch.testing.assert_close(nets.stacks[0]["body.0.weight"][7], Net().half().float().body[0].weight.detach())
    assert LabelledNets.from_files(files, Net(), labels, ["loss"]).names == ("loss",)
    assert len({row["checksum"] for row in nets.rows}) == 20


def test_a_column_of_words_is_a_class(tmp_path):
    files, labels = write(tmp_path, optimizer=lambda n: ("adam", "sgd")[n % 2])
    nets = LabelledNets.from_files(files, Net, labels)
    assert nets.classes == ("adam", "sgd")
    assert set(nets.labels.flatten().tolist()) == {0.0, 1.0}


def test_other_widths_are_weight_spaces_of_their_own(tmp_path):
    files, labels = write(tmp_path, widths=(4, 6))
    nets = LabelledNets.from_files(files, Net, labels)
    assert [stack["body.0.weight"].shape for stack in nets.stacks] == [(10, 4, 3), (10, 6, 3)]


def test_parts_are_drawn_once_and_runs_stay_together(tmp_path):
    files, labels = write(tmp_path, 40, accuracy=lambda n: n, run=lambda n: n // 2)
    nets = LabelledNets.from_files(files, Net, labels)
    assert nets.names == ("accuracy",)
    parts = nets.parts()
    assert {name: len(part) for name, part in parts.items()} == {"train": 28, "val": 6, "test": 6}
    runs = [{row["run"] for row in part.rows} for part in parts.values()]
    assert not (runs[0] & runs[1] or runs[0] & runs[2] or runs[1] & runs[2])
    assert [row["file"] for row in nets.parts()["test"].rows] == [row["file"] for row in parts["test"].rows]
    assert [row["file"] for row in nets.parts(seed=1)["test"].rows] != [row["file"] for row in parts["test"].rows]
    torch.testing.assert_close(
        parts["val"].labels[:, 0], torch.tensor([float(r["accuracy"]) for r in parts["val"].rows])
    )


def test_a_column_says_the_parts(tmp_path):
    said = ["train"] * 14 + ["val"] * 3 + ["test"] * 3
    files, labels = write(tmp_path, accuracy=lambda n: n, split=lambda n: said[n])
    parts = LabelledNets.from_files(files, Net, labels).parts()
    assert sorted(parts["test"].labels.flatten().tolist()) == [17, 18, 19]
    labels.write_text(labels.read_text().replace("val", "validation"))
    with pytest.raises(ValueError, match="split must be one of train, val, test for every net, got 'validation'"):
        LabelledNets.from_files(files, Net, labels).parts()


def test_too_few_nets_for_three_parts(tmp_path):
    files, labels = write(tmp_path, 5)
    with pytest.raises(ValueError, match="'val' must have two nets at least, got 1 of 5"):
        LabelledNets.from_files(files, Net, labels).parts()


def test_nets_that_are_not_finite_are_said_and_left_out(tmp_path):
    files, labels = write(tmp_path, 6)
    torch.save({name: tensor * torch.inf for name, tensor in Net().state_dict().items()}, tmp_path / "net-2.pth")
    said = []
    assert len(LabelledNets.from_files(files, Net, labels, warn=said.append)) == 5
    assert len(said) == 1
    assert "net-2.pth is left out: body.0.weight" in said[0]


def test_nets_of_another_module(tmp_path):
    files, labels = write(tmp_path, 3)
    deeper = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"net-0\.pth: The weights don't fit .* tensors differ"):
        LabelledNets.from_files(files, deeper, labels, inputs=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"has no example_inputs\(\), so what it is run on must be said"):
        LabelledNets.from_files(files, deeper, labels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a line of titles"),
        ("file,accuracy\n", "must have a line of titles"),
        ("file,accuracy\nnet-0.pth,1\nnet-0.pth,2\n", r"line 3 must name another file, got net-0\.pth again"),
        ("file,accuracy\nnet-0.pth\n", "line 2 must have 2 entries, got 1"),
        ("file,accuracy\nnet-0.pth,1\n", r"must have a line for every checkpoint, but has none for .*net-1\.pth"),
        ("file,a,b\nnet-0,x,y\nnet-1,x,y\nnet-2,x,z\n", "several columns of words: a, b"),
    ],
)
def test_what_is_wrong_with_a_file_of_labels_is_said(tmp_path, text, message):
    files, labels = write(tmp_path, 3)
    labels.write_text(text)
    with pytest.raises(ValueError, match=message):
        LabelledNets.from_files(files, Net, labels)


def test_labels_that_are_not_there(tmp_path):
    files, labels = write(tmp_path, 3)
    with pytest.raises(ValueError, match=r"must be a column of .*: accuracy; got 'acuracy'"):
        LabelledNets.from_files(files, Net, labels, ["acuracy"])
    with pytest.raises(FileNotFoundError, match="no file of labels"):
        LabelledNets.from_files(files, Net, tmp_path / "label.csv")
    labels.write_bytes(b"file,a\nnet-0.pth,\xff\n")
    with pytest.raises(ValueError, match="must be CSV in UTF-8"):
        LabelledNets.from_files(files, Net, labels)
