"""The storage behind the Hub that the Xet client talks to, as far as it needs it: xorbs, shards and reconstructions.

A file is cut into chunks by the client; xorbs hold chunks, compressed, and a shard says which chunks of which xorbs are
which file (https://huggingface.co/docs/xet). Nothing is unpacked here: what comes back is put together by the client.
"""

import struct
from dataclasses import dataclass, field

_HEADER = _ENTRY = 48
_END = b"\xff" * 32
_VERIFIED, _NOTED = 1 << 31, 1 << 30


@dataclass(frozen=True)
class Term:
    """Consecutive chunks of a xorb; ``length`` once they are unpacked."""

    xorb: str
    start: int
    end: int
    length: int


class StoredFile(bytes):
    """A file of a commit whose bytes lie in xorbs; as bytes it is empty."""

    name: str
    terms: list[Term]
    sha256: str

    @property
    def size(self) -> int:
        return sum(term.length for term in self.terms)


@dataclass
class Storage:
    """What was uploaded: xorbs by their hash, and files by their SHA-256 and by their own hash."""

    xorbs: dict[str, bytes] = field(default_factory=dict)
    by_sha: dict[str, StoredFile] = field(default_factory=dict)
    by_name: dict[str, StoredFile] = field(default_factory=dict)

    def add_shard(self, shard: bytes) -> None:
        """Takes in the files of a shard."""
        place = _HEADER
        while shard[place : place + 32] != _END:
            flags, count = struct.unpack_from("<II", shard, place + 32)
            assert flags & _VERIFIED and flags & _NOTED, "an uploaded shard says how files are checked"
            file = StoredFile()
            file.name = _text(shard[place : place + 32])
            file.terms = [_term(shard, place + _ENTRY * (1 + entry)) for entry in range(count)]
            place += _ENTRY * (1 + 2 * count)
            file.sha256 = _text(shard[place : place + 32])
            assert all(term.xorb in self.xorbs for term in file.terms), "xorbs come before the shard that names them"
            self.by_sha[file.sha256] = self.by_name[file.name] = file
            place += _ENTRY

    def reconstruction(self, name: str, url: str, start: int = 0) -> dict | None:
        """Where the chunks of a file lie, as JSON; None for an unknown file, or one that ends before ``start``."""
        file = self.by_name.get(name)
        if file is None or start >= file.size:
            return None
        terms, parts = [], {}
        for term in file.terms:
            places = chunk_places(self.xorbs[term.xorb])
            chunks = {"start": term.start, "end": term.end}
            terms.append({"hash": term.xorb, "unpacked_length": term.length, "range": chunks})
            part = {"range": chunks, "url": f"{url}/xorb/{term.xorb}",
                    "url_range": {"start": places[term.start], "end": places[term.end] - 1}}  # fmt: skip
            parts.setdefault(term.xorb, []).append(part)
        return {"offset_into_first_range": start, "terms": terms, "fetch_info": parts}


def chunk_places(xorb: bytes) -> list[int]:
    """Where each chunk of a xorb begins, and where the last one ends: eight bytes, then the compressed ones."""
    places = [0]
    while places[-1] + 8 <= len(xorb) and xorb[places[-1]] == 0:  # the version; a footer begins with another byte
        places.append(places[-1] + 8 + int.from_bytes(xorb[places[-1] + 1 : places[-1] + 4], "little"))
    return places


def _term(shard: bytes, place: int) -> Term:
    length, start, end = struct.unpack_from("<III", shard, place + 36)
    return Term(_text(shard[place : place + 32]), start, end, length)


def _text(name: bytes) -> str:
    """A hash as it is written: four little-endian numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", name))
