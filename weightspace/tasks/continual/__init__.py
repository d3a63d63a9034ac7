"""Learning one task after the other with one hypernetwork, without forgetting the earlier ones."""

from weightspace.tasks.continual.continual import ContinualConfig, learn_continually
from weightspace.tasks.continual.plain import PLAIN_WAYS, learn_plainly
from weightspace.tasks.continual.streams import STREAMS, StreamTask, TaskStream
from weightspace.tasks.continual.taskhypernetwork import TaskHypernetwork

__all__ = [
    "PLAIN_WAYS",
    "STREAMS",
    "ContinualConfig",
    "StreamTask",
    "TaskHypernetwork",
    "TaskStream",
    "learn_continually",
    "learn_plainly",
]
