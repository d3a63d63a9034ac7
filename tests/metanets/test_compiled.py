"""Metanets under torch.compile: the same numbers and gradients, few breaks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.metanets.cases import CASES

ROOT = Path(__file__).parents[2]
ONE_GRAPH = (
    "SpaceNet", "GraphMetanet", "NeuralGraphGNN", "NeuralGraphTransformer", "PyGMetanet", "ScaleGMN", "UNF", "DWSNet",
)  # fmt: skip
"""Classes whose rounds are compiled as a whole: what is outside is Python over spaces."""

CHANGING = ("SpaceNet", "GraphMetanet", "ScaleGMN", "UNF")
"""Classes whose changes of weights are compiled too; the other graph nets share theirs with the first."""


def compare(backend, cases):
    names = [f"{name}:{head}" for name, head in cases]
    command = [sys.executable, "-m", "tests.metanets.compiling", backend, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_metanet_is_compiled_to_the_same():
    heads = [(name, head) for name, head in CASES if head == "graph" or (head == "weights" and name in CHANGING)]
    found = compare("eager", heads)
    for case, result in found.items():
        assert result["output"] < 1e-4, case
        assert result["gradient"] < 1e-3, case
        if case.split(":")[0] in ONE_GRAPH:
            assert result["graphs"] <= 3, case


@pytest.mark.slow
def test_generated_code_gives_the_same():
    found = compare("inductor", [("GraphMetanet", "graph")])
    assert found["GraphMetanet:graph"]["output"] < 1e-4
    assert found["GraphMetanet:graph"]["gradient"] < 1e-3
