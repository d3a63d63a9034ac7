"""A mapping whose values can wait."""

import copy
import pickle

from weightspace.graphs.lazy import Deferred, LazyMapping


def waiting(log):
    mapping = LazyMapping(ready=1)
    mapping["later"] = Deferred(lambda: log.append("made") or 2)
    return mapping


def test_a_value_is_made_at_its_first_reading_and_once():
    log = []
    mapping = waiting(log)
    assert list(mapping) == ["ready", "later"]
    assert mapping.waits("later") and not log
    assert mapping["later"] == mapping.get("later") == 2
    assert not mapping.waits("later") and log == ["made"]


def test_all_values_are_made_for_who_reads_all():
    assert dict(waiting([]).items()) == {"ready": 1, "later": 2}
    assert list(waiting([]).values()) == [1, 2]
    assert waiting([]).get("missing", 3) == 3


def test_a_copy_waits_and_a_pickle_holds_values():
    log = []
    mapping = waiting(log)
    mapping.groups = ["group"]
    copied = copy.copy(mapping)
    assert copied.waits("later") and copied.groups == ["group"] and not log
    assert pickle.loads(pickle.dumps({"mapping": LazyMapping(a=1)})) == {"mapping": {"a": 1}}
    assert mapping.__reduce__()[1] == ({"ready": 1, "later": 2},)
