"""Leads the decodes of an utterance to the same engine, which has its beginning in its caches. Pure."""

import hashlib


def affinity(key: str, engine: str) -> bytes:
    """Return how much the utterance `key` prefers `engine`: the lowest is its own. Everybody finds the same (rendezvous
    hashing), and where one engine goes, only its own utterances move. "" prefers none.
    """
    return hashlib.blake2b(f"{key}/{engine}".encode(), digest_size=8).digest() if key else b""
