"""What tracing found out, as a value."""

import json
from dataclasses import asdict

from tests.space.architectures import traced
from weightspace.space import Report


def test_a_report_reads_itself_back():
    for report in (
        Report(),
        traced("gru").report,
        Report(0.1, 1.0, 0.5, ("a",), {"aten.x": ("w",)}, 3, {"export": 1.0}),
    ):
        assert Report.from_dict(json.loads(json.dumps(asdict(report)))) == report


def test_sound_is_a_matter_of_the_error():
    assert Report(error=9e-10).sound
    assert not Report(error=2e-9).sound and not Report(error=None).sound and not Report(error=float("inf")).sound
    assert not Report(error=float("nan")).sound
