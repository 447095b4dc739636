"""Numbers from a counter: the same on every machine and in every version.

Each number is a BLAKE2b digest of what it is for, so none depends on how many were drawn before.
"""

from __future__ import annotations

import hashlib


def hashed(*label: str | int) -> int:
    """A number in [0, 2**64) for a label; labels of different parts have unrelated numbers."""
    return int.from_bytes(hashlib.blake2b(_encoded(label), digest_size=8).digest(), "big")


def hashed_bytes(count: int, *label: str | int) -> bytes:
    """`count` bytes for a label: digests of the label and 0, 1, 2, ..., one after the other."""
    blocks = (
        hashlib.blake2b(_encoded((*label, block)), digest_size=64).digest()
        for block in range(-(-count // 64))
    )
    return b"".join(blocks)[:count]


def permuted(index: int, size: int, *label: str | int) -> int:
    """Where `index` goes in the label's permutation of range(size).

    A Feistel network of eight rounds on the next even number of bits, walked along its cycle until
    it is back inside the range (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains",
    section 3): at most four walks are expected.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for round_number in range(8):
            left, right = right, left ^ (hashed(*label, round_number, right) & mask)
        index = left << half | right
        if index < size:
            return index


def _encoded(label: tuple[str | int, ...]) -> bytes:
    return "/".join(map(str, label)).encode()
