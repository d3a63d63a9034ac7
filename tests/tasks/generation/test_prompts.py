"""What follows a prompt is measured by rank and by slope."""

import pytest
import torch

from tests.tasks.generation.test_judge import stage  # noqa: F401
from weightspace.generators import Fresh, Retrieval
from weightspace.tasks.generation.prompts import follows, prompt_response

ASKED = torch.linspace(0.1, 0.9, 9)


@pytest.mark.parametrize(
    ("got", "rank", "slope"),
    [(ASKED, 1, 1), (0.5 * ASKED, 1, 0.5), (-ASKED, -1, -1), (torch.full((9,), 0.3), 0, 0), (ASKED**3, 1, None)],
)
def test_rank_and_slope(got, rank, slope):
    found = follows(ASKED, got)
    assert found.rank == pytest.approx(rank)
    assert slope is None or found.slope == pytest.approx(slope)


def test_equal_values_share_a_rank():
    assert follows(ASKED, (ASKED > 0.5).float()).rank == pytest.approx(0.8660254, abs=1e-3)


def test_retrieval_follows_its_prompt(stage):  # noqa: F811
    answers = stage.logits(stage.seen)
    accuracy = stage.correct(answers)
    nets = Retrieval.from_nets(stage.space, stage.seen, {"accuracy": accuracy}, near=0.03)
    found = prompt_response(stage, nets, "accuracy", 30, 0)
    assert found.rank > 0.9 and 0.8 < found.slope < 1.2


def test_a_prompt_that_isn_t_known_is_refused(stage):  # noqa: F811
    with pytest.raises(ValueError, match="Fresh can be asked for nothing, got accuracy"):
        prompt_response(stage, Fresh.for_spaces(stage.space), "accuracy", 4, 0)
