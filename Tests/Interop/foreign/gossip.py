"""The two messages of swarms that grow: sections "Gossip" and "Signalling through neighbours"."""

from .wire import MOST_BITS, MOST_SHARDS, Input, Malformed, Message, kind, require, shards, u8, u16, u32, u64

GOSSIP = ["", "inventory", "delta", "digest", "wants", "leave"]
SIGNAL = ["", "offer", "answer"]


def _ascend(numbers: list[int]) -> bool:
    return all(low < high for low, high in zip(numbers, numbers[1:]))


def _stamp(source: Input) -> Message:
    fields: Message = {
        "isNeighbour": source.number(1, 0, 1) == 1, "publicKey": source.take(32), "sequence": source.number(8, 1),
        "timeToLive": source.number(4, 1, 120_000), "age": source.number(4), "signature": source.take(64),
    }
    require(fields["age"] < fields["timeToLive"], "age")
    return fields


def _write_stamp(m: Message) -> bytes:
    numbers = u64(m["sequence"]) + u32(m["timeToLive"]) + u32(m["age"])
    return u8(m["isNeighbour"]) + m["publicKey"] + numbers + m["signature"]


def _read_delta(source: Input) -> Message:
    fields = {**_stamp(source), "base": source.number(8, 1)}
    require(fields["base"] < fields["sequence"], "base")
    counts = source.number(2, 0, MOST_SHARDS), source.number(2, 0, MOST_SHARDS)
    changes = [shards(source.take(4 * count)) for count in counts]
    require(all(map(_ascend, changes)) and not set(changes[0]) & set(changes[1]), "shards")
    return {**fields, "set": changes[0], "cleared": changes[1]}


def _read_digest(source: Input) -> Message:
    first, last = source.number(8), source.number(8)
    require(first <= last, "range")
    versions = []
    while source.at < len(source.data):
        node, sequence = source.number(8, first, last), source.number(8, 1)
        versions.append({"node": node, "sequence": sequence, "isNeighbour": source.number(1, 0, 1) == 1})
    require(len(versions) <= 256 and _ascend([version["node"] for version in versions]), "versions")
    return {"first": first, "last": last, "versions": versions}


def _read_wants(source: Input) -> Message:
    versions = []
    while source.at < len(source.data):
        versions.append({"node": source.number(8), "sequence": source.number(8)})
    require(1 <= len(versions) <= 64 and _ascend([version["node"] for version in versions]), "versions")
    return {"versions": versions}


def _write_gossip(m: Message) -> bytes:
    match m["kind"]:
        case "inventory":
            fields = _write_stamp(m) + u32(m["count"]) + m["bits"]
        case "delta":
            numbers = u64(m["base"]) + u16(len(m["set"])) + u16(len(m["cleared"]))
            fields = _write_stamp(m) + numbers + b"".join(map(u32, m["set"] + m["cleared"]))
        case "digest":
            versions = [u64(v["node"]) + u64(v["sequence"]) + u8(v["isNeighbour"]) for v in m["versions"]]
            fields = u64(m["first"]) + u64(m["last"]) + b"".join(versions)
        case "wants":
            fields = b"".join(u64(v["node"]) + u64(v["sequence"]) for v in m["versions"])
        case _:
            fields = m["publicKey"] + u64(m["sequence"]) + m["signature"]
    return u8(GOSSIP.index(m["kind"])) + fields


@kind(0x50, "gossip", write=_write_gossip)
def _(source: Input) -> Message:
    name = GOSSIP[source.number(1, 1, 5)]
    match name:
        case "inventory":
            fields = _stamp(source)
            fields["count"], fields["bits"] = source.bits(MOST_BITS)
        case "delta":
            fields = _read_delta(source)
        case "digest":
            fields = _read_digest(source)
        case "wants":
            fields = _read_wants(source)
        case _:
            fields = {"publicKey": source.take(32), "sequence": source.number(8, 1), "signature": source.take(64)}
    return {"kind": name, **fields}


@kind(0x51, "signal", write=lambda m: b"".join([
    u8(SIGNAL.index(m["kind"])), u8(m["hops"]), m["from"], m["to"], m["offerID"], u64(m["sentAt"]), m["signature"],
    m["sdp"].encode(),
]))
def _(source: Input) -> Message:
    fields = {
        "kind": SIGNAL[source.number(1, 1, 2)], "hops": source.number(1, 0, 1), "from": source.take(32),
        "to": source.take(32), "offerID": source.take(20), "sentAt": source.number(8), "signature": source.take(64),
    }
    sdp = source.rest()
    require(1 <= len(sdp) <= 8_192, "SDP")
    try:
        return {**fields, "sdp": sdp.decode()}
    except UnicodeDecodeError as error:
        raise Malformed("SDP") from error
