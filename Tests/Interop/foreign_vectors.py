"""Checks the foreign peer against Tests/Vectors, and prints how many vectors of which file it agrees with.

    foreign_vectors.py FOLDER

One line of JSON: {"wire": 210, ...}. Exit code 1 and the names of what it disagrees about when there is any.
"""

import json
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import layout_one
from foreign import canonical, gossip, link, manifest, proofs, wire

# The name of a vector, and whether the foreign peer agrees with it.
Verdicts = Iterator[tuple[str, bool]]
U64 = {"frames", "session", "token", "sequence", "base", "node", "first", "last", "sentAt"}


def refusal(read: Callable[[Any], Any], value: Any, error: type[Exception]) -> Any:
    """What it is refused with, or None when it is read."""
    try:
        read(value)
    except error as found:
        return found
    return None


def plain(value: Any) -> Any:
    """A field as the vectors write it, save for u64: bytes in hexadecimal."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def numbers(value: Any, name: str = "") -> Any:
    """A field of a vector, its u64 as numbers."""
    if isinstance(value, list):
        return [numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: numbers(item, name) for name, item in value.items()}
    return int(value) if name in U64 else value


def encoded(vector: dict[str, Any]) -> bytes:
    fill = vector.get("fill", {"hex": "", "count": 0})
    return bytes.fromhex(vector["hex"]) + bytes.fromhex(fill["hex"]) * fill["count"]


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    """The message of a vector, its last field filled up."""
    message, fill = dict(vector["message"]), vector.get("fill")
    if fill:
        name = next(n for n in ("bits", "bytes", "shards", "digests", "sdp") if n in message)
        more = fill["hex"]
        if name == "shards":
            message[name] = message[name] + [int(more, 16)] * fill["count"]
        elif name == "digests":
            message[name] = message[name] + [more] * fill["count"]
        else:
            message[name] += (bytes.fromhex(more).decode() if name == "sdp" else more) * fill["count"]
    return numbers(message)


def check_wire(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["messages"]:
        data = encoded(vector)
        message = wire.decode(data)
        is_right = message is not None and plain(message) == expected(vector) and wire.encode(message) == data
        yield vector["name"], is_right
    for vector in vectors["unknown"]:
        yield vector["name"], wire.decode(encoded(vector)) is None
    for vector in vectors["refused"]:
        found = refusal(wire.decode, encoded(vector), wire.Malformed)
        yield vector["name"], found is not None and isinstance(found, wire.TooLong) == (vector["error"] == "tooLong")
    for vector in vectors["frames"]:
        data = encoded(vector)
        frame = wire.decode_frame(data)
        fields = {**vars(frame), "payload": len(frame.payload)} if frame else {}
        yield vector["name"], fields == vector["frame"] and frame is not None and frame.encode() == data
    for vector in vectors["ignoredFrames"]:
        yield vector["name"], wire.decode_frame(encoded(vector)) is None
    for vector in vectors["refusedFrames"]:
        yield vector["name"], refusal(wire.decode_frame, encoded(vector), wire.Malformed) is not None


def check_proofs(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["connections"]:
        sides = [vector["initiator"], vector["responder"]]
        transcript = proofs.Transcript(
            *[bytes.fromhex(side[name]) for name in ("nonce", "fingerprint") for side in sides]
        )
        for role, side in enumerate(sides):
            identity, message = proofs.Identity(bytes.fromhex(side["privateKey"])), transcript.hello(role)
            signature = bytes.fromhex(side["signature"])
            yield f"{vector['name']}, role {role}", (
                (message.hex(), transcript.join(role).hex()) == (side["helloMessage"], side["joinMessage"])
                and (identity.public_key.hex(), identity.node_id.hex()) == (side["publicKey"], side["nodeID"])
                and proofs.holds(signature, message, identity.public_key)
                and identity.sign(message) == signature
            )
        for swarm in vector["swarms"]:
            id, key = bytes.fromhex(swarm["manifestID"]), bytes.fromhex(swarm.get("swarmKey", "")) or None
            member = proofs.join_key(id, key)
            found = [proofs.info_hash(id, key), member] + [proofs.code(member, transcript.join(r)) for r in (0, 1)]
            names = ("infoHash", "joinKey", "initiatorProof", "responderProof")
            yield f"{vector['name']}, {swarm['name']}", [item.hex() for item in found] == [swarm[n] for n in names]
    for vector in vectors["refused"]:
        fields = [bytes.fromhex(vector[name]) for name in ("signature", "message", "publicKey")]
        yield vector["name"], not proofs.holds(*fields)
    for vector in vectors["notes"]:
        member, peer, offer = [bytes.fromhex(vector[name]) for name in ("joinKey", "peerID", "offerID")]
        fields = vector["kind"], peer, offer, vector["sentAt"], vector["sdp"]
        message = proofs.tracked(*fields)
        yield vector["name"], (
            message.hex() == vector["message"]
            and proofs.noted(member, *fields) == vector["text"]
            and proofs.without_note(vector["text"]) == (vector["sdp"], (vector["sentAt"], proofs.code(member, message)))
        )
    for vector in vectors["withoutNote"]:
        yield vector["name"], proofs.without_note(vector["text"]) == (vector["text"], None)


def check_gossip(vectors: dict[str, Any]) -> Verdicts:
    def verdict(vector: dict[str, Any], message: bytes, key: str) -> bool:
        signature = bytes.fromhex(vector["signature"])
        return message.hex() == vector["message"] and proofs.holds(signature, message, bytes.fromhex(vector[key]))

    def raw(vector: dict[str, Any], *names: str) -> list[bytes]:
        return [bytes.fromhex(vector[name]) for name in names]

    for at, vector in enumerate(vectors["inventories"]):
        secret, key, bits = raw(vector, "secret", "publicKey", "bits")
        message = proofs.inventory(secret, key, int(vector["sequence"]), vector["timeToLive"], bits)
        yield f"inventory {at}", verdict(vector, message, "publicKey")
    for at, vector in enumerate(vectors["departures"]):
        secret, key = raw(vector, "secret", "publicKey")
        message = proofs.departure(secret, key, int(vector["sequence"]))
        yield f"departure {at}", verdict(vector, message, "publicKey")
    for at, vector in enumerate(vectors["signals"]):
        secret, author, to, offer = raw(vector, "secret", "author", "to", "offerID")
        kind, sent_at = gossip.SIGNAL.index(vector["kind"]), int(vector["sentAt"])
        message = proofs.signal(secret, author, to, kind, offer, sent_at, vector["sdp"].encode())
        is_author = sha256(bytes.fromhex(vector["from"])).hexdigest() == vector["author"]
        yield f"signal {at}", is_author and verdict(vector, message, "from")


def check_canonical(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["accepted"]:
        yield vector["name"], refusal(canonical.read, bytes.fromhex(vector["hex"]), canonical.NotCanonical) is None
    for vector in vectors["refused"]:
        found = refusal(canonical.read, bytes.fromhex(vector["hex"]), canonical.NotCanonical)
        yield vector["name"], found is not None and found.offset == int(vector["offset"])


def content(file: dict[str, Any]) -> bytes:
    if "hex" in file:
        return bytes.fromhex(file["hex"])
    seed, blocks = file["seed"].encode(), -(-file["size"] // 4096)
    made = b"".join(sha256(seed + block.to_bytes(8, "big")).digest() * 128 for block in range(blocks))
    return made[: file["size"]]


def regions(file: dict[str, Any]) -> list[tuple[Any, int]]:
    if "regions" not in file:
        return [("dense", file["size"])] if file["size"] else []
    return [((r[1], r[2]) if r[0] == "expert" else r[0], r[-1]) for r in file["regions"]]


def check_manifest(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["publish"]:
        files = sorted(((f["path"], content(f), regions(f)) for f in vector["files"]), key=lambda f: f[0].encode())
        text, _ = layout_one.manifest(vector["format"], files, vector.get("used"), vector.get("model"))
        read = manifest.read(text)
        pieces = [[files[f][1][at : at + length] for f, at, length in shard.extents] for shard in read.shards]
        lists = [manifest.hash_list(b"".join(piece)) for piece in pieces]
        yield vector["name"], (
            (text.decode(), read.id.hex()) == (vector["manifest"], vector["manifestID"])
            and [b"".join(digests).hex() for digests in lists] == vector["hashLists"]
            and all(shard.accepts(digests) for shard, digests in zip(read.shards, lists))
        )
    for vector in vectors["accepted"]:
        text = vector["manifest"].encode()
        yield vector["name"], (
            refusal(manifest.read, text, manifest.BadManifest) is None
            and sha256(text).hexdigest() == vector["manifestID"]
        )
    for vector in vectors["refused"]:
        found = refusal(manifest.read, vector["manifest"].encode(), manifest.BadManifest)
        yield vector["name"], found is not None and found.field == vector["field"]


def check_layout(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["plans"]:
        files = sorted(vector["files"], key=lambda file: file["path"].encode())
        shards, experts = layout_one.shards([regions(file) for file in files])
        expert_map = (vector.get("experts") or {}).get("map", {})
        yield vector["name"], shards == vector["shards"] and experts == expert_map


def check_link(vectors: dict[str, Any]) -> Verdicts:
    for vector in vectors["links"]:
        found = link.read(vector["text"])
        lists = (found.trackers, found.origins, found.sources)
        yield vector["name"], (
            str(found) == vector["canonical"]
            and found.manifest_id.hex() == vector["manifestID"]
            and lists == (vector["trackers"], vector["origins"], vector["manifestSources"])
            and found.name == vector.get("dn")
            and (found.swarm_key.hex() if found.swarm_key else None) == vector.get("swarmKey")
            and proofs.info_hash(found.manifest_id, found.swarm_key).hex() == vector["infoHash"]
            and found.signatures == ["".join(pair) for pair in vector.get("signatures", [])]
        )
    for vector in vectors["refused"]:
        found = refusal(link.read, vector["text"], link.BadLink)
        yield vector["name"], found is not None and found.parameter == vector["parameter"]


CHECKS: dict[str, Callable[[dict[str, Any]], Verdicts]] = {
    "canonical-json": check_canonical, "gossip": check_gossip, "layout1": check_layout, "link": check_link,
    "manifest": check_manifest, "proofs": check_proofs, "wire": check_wire,
}


def main(folder: Path) -> None:
    counts, wrong = {}, []
    for name, check in CHECKS.items():
        verdicts = list(check(json.loads((folder / f"{name}.json").read_text())))
        counts[name] = len(verdicts)
        wrong += [f"{name}: {vector}" for vector, is_right in verdicts if not is_right]
    print(json.dumps(counts))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
