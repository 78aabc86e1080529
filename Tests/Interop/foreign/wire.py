"""Control messages and frames to the byte: sections "Control messages" and "Frames".

A message is a dictionary: `type` (its name), `handle`, and its fields, integers, bytes, or what a comment says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LARGEST_MESSAGE = 32_768
LARGEST_HANDLE = 256
MOST_CHUNKS = 512
MOST_SHARDS = 1_024
MOST_BITS = 131_072
PART = 16_384
FRAME = 32_768
PRIORITIES = ["critical", "next", "prefetch", "background", "replicate"]
REASONS = ["", "missing", "busy", "denied", "limit", "cancelled", "elsewhere"]

Message = dict[str, Any]


class Malformed(ValueError):
    """What must be dropped, and counts against who sent it."""


class TooLong(Malformed):
    """What ends the connection at once."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Malformed(what)


class Input:
    """Fields, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        require(self.at + count <= len(self.data), "too short")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def number(self, size: int, least: int = 0, most: int = 2**64 - 1) -> int:
        value = int.from_bytes(self.take(size), "big")
        require(least <= value <= most, "a number out of range")
        return value

    def bits(self, most: int) -> tuple[int, bytes]:
        """How many, and the bytes that have them."""
        count = self.number(4, 1, most)
        bits = self.take(-(-count // 8))
        require(count % 8 == 0 or bits[-1] & (0xFF >> count % 8) == 0, "spare bits")
        return count, bits

    def end(self) -> None:
        require(self.at == len(self.data), "too long")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def has_bit(bits: bytes | bytearray, position: int) -> bool:
    return bits[position // 8] & (0x80 >> position % 8) != 0


def pack_bits(flags: list[bool]) -> bytes:
    """Bit 0 is the top bit of the first byte."""
    bits = bytearray(-(-len(flags) // 8))
    for position, flag in enumerate(flags):
        bits[position // 8] |= 0x80 >> position % 8 if flag else 0
    return bytes(bits)


def shards(data: bytes) -> list[int]:
    require(len(data) % 4 == 0, "half a shard")
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]


@dataclass(frozen=True)
class Kind:
    """How the fields of one type are read and written."""

    name: str
    of_connection: bool
    read: Callable[[Input], Message]
    write: Callable[[Message], bytes]


KINDS: dict[int, Kind] = {}


def kind(type: int, name: str, *, of_connection: bool = False, write: Callable[[Message], bytes]) -> Callable:
    """Registers the reader that it decorates."""

    def register(read: Callable[[Input], Message]) -> Callable[[Input], Message]:
        KINDS[type] = Kind(name, of_connection, read, write)
        return read

    return register


def decode(data: bytes) -> Message | None:
    """The message, or None when its type is unknown and it is ignored."""
    if len(data) > LARGEST_MESSAGE:
        raise TooLong("a control message of more than 32,768 bytes")
    source = Input(data)
    type, handle = source.number(1), source.number(2, 0, LARGEST_HANDLE)
    known = KINDS.get(type)
    if known is None:
        return None
    require(known.of_connection == (handle == 0), "a handle of the other sort")
    fields = known.read(source)
    source.end()
    return {"type": known.name, "handle": handle, **fields}


def encode(message: Message) -> bytes:
    type, known = next(item for item in KINDS.items() if item[1].name == message["type"])
    return u8(type) + u16(message["handle"]) + known.write(message)


@kind(0x01, "hello", of_connection=True, write=lambda m: b"".join([
    u16(m["version"]), u64(m["session"]), m["nonce"], m["publicKey"], u32(m["capabilities"]), u16(m["maximumRequests"]),
    u16(m["maximumChunks"]), m["agent"].encode(),
]))
def _(source: Input) -> Message:
    fields = {
        "version": source.number(2, 1), "session": source.number(8), "nonce": source.take(32),
        "publicKey": source.take(32), "capabilities": source.number(4), "maximumRequests": source.number(2, 1),
        "maximumChunks": source.number(2, 1),
    }
    try:
        agent = source.rest().decode()
    except UnicodeDecodeError as error:
        raise Malformed("agent") from error
    require(len(agent.encode()) <= 64 and not any(c < " " or "\x7f" <= c <= "\x9f" for c in agent), "agent")
    return {**fields, "agent": agent}


@kind(0x02, "helloProof", of_connection=True, write=lambda m: m["signature"])
def _(source: Input) -> Message:
    return {"signature": source.take(64)}


@kind(0x03, "join", write=lambda m: m["proof"])
def _(source: Input) -> Message:
    return {"proof": source.take(32)}


@kind(0x04, "leave", write=lambda m: b"")
def _(source: Input) -> Message:
    return {}


@kind(0x10, "bitfield", write=lambda m: u32(m["count"]) + m["bits"])
def _(source: Input) -> Message:
    count, bits = source.bits(MOST_BITS)
    return {"count": count, "bits": bits}


def _read_shards(source: Input) -> Message:
    found = shards(source.rest())
    require(1 <= len(found) <= MOST_SHARDS, "shards")
    return {"shards": found}


for _type, _name in ((0x11, "have"), (0x12, "gone")):
    kind(_type, _name, write=lambda m: b"".join(map(u32, m["shards"])))(_read_shards)


@kind(0x13, "partial", write=lambda m: u32(m["shard"]) + u32(m["count"]) + m["bits"])
def _(source: Input) -> Message:
    shard = source.number(4)
    count, bits = source.bits(MOST_CHUNKS)
    return {"shard": shard, "count": count, "bits": bits}


@kind(0x20, "manifestRequest", write=lambda m: u32(m["offset"]))
def _(source: Input) -> Message:
    return {"offset": source.number(4)}


@kind(0x21, "manifestPart", write=lambda m: u32(m["offset"]) + u32(m["total"]) + m["bytes"])
def _(source: Input) -> Message:
    offset, total, data = source.number(4), source.number(4, 0, 33_554_432), source.rest()
    require(len(data) <= PART and offset + len(data) <= total and (bool(data) or total == 0), "part")
    return {"offset": offset, "total": total, "bytes": data}


@kind(0x22, "hashesRequest", write=lambda m: u32(m["shard"]))
def _(source: Input) -> Message:
    return {"shard": source.number(4)}


@kind(0x23, "hashes", write=lambda m: u32(m["shard"]) + b"".join(m["digests"]))
def _(source: Input) -> Message:
    shard, data = source.number(4), source.rest()
    require(len(data) % 32 == 0 and len(data) <= 32 * MOST_CHUNKS, "digests")
    return {"shard": shard, "digests": [data[at : at + 32] for at in range(0, len(data), 32)]}


@kind(0x30, "request", write=lambda m: b"".join([
    u32(m["id"]), u32(m["shard"]), u32(m["first"]), u16(m["count"]), u8(PRIORITIES.index(m["priority"])),
    u32(m["deadline"]),
]))
def _(source: Input) -> Message:
    fields: Message = {
        "id": source.number(4), "shard": source.number(4), "first": source.number(4), "count": source.number(2, 1),
        "priority": PRIORITIES[source.number(1, 0, 4)], "deadline": source.number(4),
    }
    require(fields["first"] + fields["count"] <= MOST_CHUNKS, "chunks")
    return fields


@kind(0x31, "cancel", write=lambda m: u32(m["id"]))
def _(source: Input) -> Message:
    return {"id": source.number(4)}


@kind(0x32, "reject", write=lambda m: b"".join([
    u32(m["id"]), u8(REASONS.index(m["reason"])), u32(m["framesSent"]), u32(m["retryAfter"]),
]))
def _(source: Input) -> Message:
    return {
        "id": source.number(4), "reason": REASONS[source.number(1, 1, 6)], "framesSent": source.number(4),
        "retryAfter": source.number(4),
    }


@kind(0x33, "ack", write=lambda m: u32(m["id"]) + u16(m["chunks"]))
def _(source: Input) -> Message:
    return {"id": source.number(4), "chunks": source.number(2)}


@kind(0x34, "corrupt", write=lambda m: u32(m["shard"]) + u32(m["chunk"]))
def _(source: Input) -> Message:
    return {"shard": source.number(4), "chunk": source.number(4)}


@kind(0x35, "promote", write=lambda m: u32(m["id"]) + u8(PRIORITIES.index(m["priority"])))
def _(source: Input) -> Message:
    return {"id": source.number(4), "priority": PRIORITIES[source.number(1, 0, 4)]}


@kind(0x42, "lane", of_connection=True, write=lambda m: {
    "offer": lambda: u8(1) + m["nonce"] + u16(m["port"]), "refused": lambda: u8(2), "closed": lambda: u8(3) + u64(m["frames"]),
}[m["kind"]]())
def _(source: Input) -> Message:
    kind = source.number(1, 1, 3)
    if kind == 1:
        return {"kind": "offer", "nonce": source.take(32), "port": source.number(2, 1)}
    return {"kind": "refused"} if kind == 2 else {"kind": "closed", "frames": source.number(8)}


def _read_token(source: Input) -> Message:
    return {"token": source.number(8)}


for _type, _name in ((0x40, "ping"), (0x41, "pong")):
    kind(_type, _name, of_connection=True, write=lambda m: u64(m["token"]))(_read_token)


@dataclass(frozen=True)
class Frame:
    """A run of bytes of one chunk."""

    handle: int
    request: int
    chunk: int
    offset: int
    payload: bytes

    def encode(self) -> bytes:
        header = b"\x01\x00" + u16(self.handle) + u32(self.request) + u32(self.chunk) + u32(self.offset)
        return header + self.payload


def decode_frame(data: bytes) -> Frame | None:
    """The frame as far as it can be judged alone, or None when its kind is unknown and it is ignored."""
    if len(data) > 16 + FRAME:
        raise TooLong("a frame of more than 32,784 bytes")
    require(len(data) >= 16, "no frame")
    source = Input(data)
    if source.number(1) != 1:
        return None
    source.number(1, 0, 0)
    handle, request = source.number(2, 1, LARGEST_HANDLE), source.number(4)
    chunk, offset = source.number(4, 0, MOST_CHUNKS - 1), source.number(4, 0, 3 * FRAME)
    require(offset % FRAME == 0 and len(data) > 16, "offset or payload")
    return Frame(handle, request, chunk, offset, source.rest())
