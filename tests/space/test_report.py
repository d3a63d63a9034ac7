"""What tracing found out, as a value."""

from dataclasses import replace

from tests.space.nets.architectures import traced
from weightspace.space import Report, WeightSpace


def test_a_report_reads_itself_back():
    space = traced("gru")
    for report in (
        Report(),
        traced("gru").report,
        Report(0.1, 1.0, 0.5, ("a",), {"aten.x": ("w",)}, 3, {"export": 1.0}),
    ):
        assert WeightSpace.from_json(replace(space, report=report).to_json()).report == report


def test_sound_is_a_matter_of_the_error():
    assert Report(error=9e-10).sound
    assert not Report(error=2e-9).sound and not Report(error=None).sound and not Report(error=float("inf")).sound
    assert not Report(error=float("nan")).sound


def test_errors_that_are_no_numbers_are_read_back():
    report = Report(error=float("nan"), change=float("inf"))
    again = WeightSpace.from_json(replace(traced("relu_mlp"), report=report).to_json()).report
    assert again.error != again.error and again.change == float("inf")
