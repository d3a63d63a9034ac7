"""Two processes on the CPU, really started: they agree, they find what one finds, and one of them writes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn

from tests.tasks.training.problem import Shared
from weightspace.tasks.training.log import read_log
from weightspace.tasks.training.processes import Processes, is_main_process, local_device

ROOT = Path(__file__).parents[3]


def start(rank, folder, port):
    """One of two processes, each with a folder of its own to write to."""
    world = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    command = [
        sys.executable,
        "-m",
        "tests.tasks.training.problem",
        folder / f"run{rank}",
        folder / f"out{rank}.safetensors",
    ]
    environment = os.environ | world | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = [start(rank, folder, port) for rank in (0, 1)]
    try:
        errors = [process.communicate(timeout=240)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [0, 0], errors
    return folder


def test_two_processes_agree_and_find_what_one_finds(run_of_two, tmp_path):
    first, second = (load_file(run_of_two / f"out{rank}.safetensors") for rank in (0, 1))
    alone = Shared()
    best = alone.run(tmp_path)
    for name, value in alone.model.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], value, rtol=1e-9, atol=1e-12)
    whole, shared = (list(read_log(folder / "train.jsonl")) for folder in (tmp_path, run_of_two / "run0"))
    assert [line["step"] for line in shared] == [line["step"] for line in whole]
    assert [line["train"] for line in shared] == pytest.approx([line["train"] for line in whole], rel=1e-6)
    assert min(line["validation"] for line in shared) == pytest.approx(best, rel=1e-9)
    assert (alone.model.unused.weight == torch.tensor(0.1).double()).all()  # no gradient, so no decay either


def test_one_judges_and_writes_and_both_compute(run_of_two):
    first, second = (load_file(run_of_two / f"out{rank}.safetensors")["counts"].tolist() for rank in (0, 1))
    assert (first, second) == ([6, 60], [0, 60])
    assert {path.name for path in (run_of_two / "run0").iterdir()} == {"train.jsonl", "checkpoint.safetensors"}
    assert not (run_of_two / "run1").exists()


class TwoOfThem(Processes):
    """The second of two processes, as far as shares go."""

    index, count = 1, 2


def test_shares_are_disjoint_and_a_batch_must_reach():
    second = TwoOfThem(Accelerator(cpu=True), torch.device("cpu"))
    assert second.share(torch.arange(5)).tolist() == [1, 3]
    with pytest.raises(ValueError, match="A batch of 1 can't be shared by 2 processes; raise batch_size"):
        second.share(torch.arange(1))


def test_the_launcher_may_not_ask_for_another_precision():
    class Asks(Accelerator):
        mixed_precision = "bf16"

    processes = Processes(Asks(cpu=True), torch.device("cpu"))
    assert processes.check_precision("bf16") is None
    with pytest.raises(ValueError, match="asks for mixed precision 'bf16', the configuration for precision='no'"):
        processes.check_precision("no")


def test_a_model_on_two_devices_is_refused():
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2, device="meta")])
    with pytest.raises(ValueError, match=r"one device, got '0.bias' on cpu, '1.bias' on meta. Move it"):
        Processes.of(model)


def test_processes_that_do_not_hear_of_each_other_are_refused(monkeypatch):
    Accelerator(cpu=True)
    monkeypatch.setenv("WORLD_SIZE", "2")  # launched, but the Accelerator above was made without
    with pytest.raises(ValueError, match=r"2 processes were launched, but none hears of the others\."):
        Processes.of(nn.Linear(2, 2))


def test_one_process_is_the_main_one():
    processes = Processes.of(nn.Linear(2, 2))
    assert (processes.main, processes.index, processes.count, is_main_process()) == (True, 0, 1, True)
    assert processes.of_main(lambda: 3) == 3.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_devices_without_a_gpu():
    assert local_device() == local_device("cpu") == torch.device("cpu")
    assert local_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="'cuda' was asked for, but torch finds no GPU"):
        local_device("cuda")


@pytest.mark.gpu
def test_the_gpu_of_this_process():
    assert local_device("cuda") == torch.device("cuda:0")
    assert local_device().type == "cuda"
