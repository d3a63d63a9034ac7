"""Random draws that depend on a seed, a net's number and a key, and on nothing else."""

import hashlib


def draw_seed(seed: int, net: int, key: str) -> int:
    """A 62-bit seed for one purpose of one net; the same on every machine and version."""
    digest = hashlib.blake2b(f"{seed}|{net}|{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 2


def draw_uniform(seed: int, net: int, key: str) -> float:
    """A number in [0, 1)."""
    return draw_seed(seed, net, key) / 2**62
