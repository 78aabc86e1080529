"""What nodes sign and prove.

Sections "Trackers", "Handshake", "Swarms and handles", "Gossip", "Signalling through neighbours".
"""

import hmac
import os
import re
import time
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

INITIATOR, RESPONDER = 0, 1


@dataclass(frozen=True)
class Transcript:
    """What both sides of a connection know of it, 32 bytes each."""

    initiator_nonce: bytes
    responder_nonce: bytes
    initiator_fingerprint: bytes
    responder_fingerprint: bytes

    def message(self, label: bytes, role: int) -> bytes:
        """142 bytes: what is signed, or authenticated, by the side of that role."""
        return b"".join([
            label, bytes([role]), self.initiator_nonce, self.responder_nonce, self.initiator_fingerprint,
            self.responder_fingerprint,
        ])

    def hello(self, role: int) -> bytes:
        return self.message(b"shoal/1 hello", role)

    def join(self, role: int) -> bytes:
        return self.message(b"shoal/1 swarm", role)


def code(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, message, "sha256")


def join_key(manifest_id: bytes, swarm_key: bytes | None) -> bytes:
    """M: what members of a swarm know and nobody else."""
    return manifest_id if swarm_key is None else code(swarm_key, b"shoal/1 member" + manifest_id)


def info_hash(manifest_id: bytes, swarm_key: bytes | None) -> bytes:
    """The name of a swarm at trackers."""
    return (manifest_id if swarm_key is None else code(swarm_key, manifest_id))[:20]


def holds(signature: bytes, message: bytes, public_key: bytes) -> bool:
    """Whether it is a signature of this message by this key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Identity:
    """A node: its key pair, its ID, and its session, which is larger at each start."""

    def __init__(self, private_key: bytes | None = None) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private_key or os.urandom(32))
        self.public_key = self._key.public_key().public_bytes_raw()
        self.node_id = sha256(self.public_key).digest()
        self.session = time.time_ns() // 1_000_000

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def inventory(member: bytes, public_key: bytes, sequence: int, time_to_live: int, bits: bytes) -> bytes:
    """What is signed of an inventory; `member` is M."""
    numbers = sequence.to_bytes(8, "big") + time_to_live.to_bytes(4, "big")
    return b"shoal/1 inventory" + member + public_key + numbers + sha256(bits).digest()


def departure(member: bytes, public_key: bytes, sequence: int) -> bytes:
    """What is signed of a leave."""
    return b"shoal/1 leave" + member + public_key + sequence.to_bytes(8, "big")


def signal(member: bytes, author: bytes, to: bytes, kind: int, offer_id: bytes, sent_at: int, sdp: bytes) -> bytes:
    """What is signed of a signal; `author` and `to` are node IDs."""
    return b"shoal/1 signal" + member + author + to + bytes([kind]) + offer_id + sent_at.to_bytes(8, "big") + sdp


def tracked(kind: int, peer_id: bytes, offer_id: bytes, sent_at: int, sdp: str) -> bytes:
    """What is authenticated of an SDP that a tracker carries: kind 1 an offer, 2 an answer."""
    return b"shoal/1 tracked" + bytes([kind]) + peer_id + offer_id + sent_at.to_bytes(8, "big") + sdp.encode()


def noted(member: bytes, kind: int, peer_id: bytes, offer_id: bytes, sent_at: int, sdp: str) -> str:
    """The SDP with the line that shows members that its author is one; `member` is M."""
    proof = code(member, tracked(kind, peer_id, offer_id, sent_at, sdp)).hex()
    return f"{sdp}a=shoal-member:{sent_at} {proof}\r\n"


def without_note(text: str) -> tuple[str, tuple[int, bytes] | None]:
    """An SDP without its author's line, and what that says; None when it has none."""
    found = re.fullmatch(r"(.*[\r\n]|)a=shoal-member:(0|[1-9][0-9]{0,19}) ([0-9a-f]{64})[\r\n]*", text, re.DOTALL)
    if not found or int(found[2]) >= 1 << 64:
        return text, None
    return found[1], (int(found[2]), bytes.fromhex(found[3]))
