"""What nodes sign and prove: sections "Handshake", "Swarms and handles", "Gossip", "Signalling through neighbours"."""

import hmac
import os
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
