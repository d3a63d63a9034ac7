import ctypes

from weightspace.machine.memory import keep_memory


class Library:
    """Notes how it is called."""

    def __init__(self):
        self.calls = []

    def mallopt(self, *call):
        self.calls.append(call)


def test_freed_blocks_are_kept_where_there_is_a_glibc(monkeypatch):
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    keep_memory()
    assert [parameter for parameter, _ in library.calls] == [-3, -1]


def test_nothing_happens_where_there_is_none(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_memory()

    def windows(name):
        raise TypeError

    monkeypatch.setattr(ctypes, "CDLL", windows)
    keep_memory()
