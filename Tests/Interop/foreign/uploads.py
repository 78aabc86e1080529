"""What a peer asks of us: sections "Requests", "The manifest", "Hash lists"."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from .model import Model
from .rtc import Connection
from .wire import FRAME, PART, PRIORITIES, Frame, Malformed, Message

MOST_REQUESTS = 64
MOST_CHUNKS = 64
# Milliseconds after which somebody who asked for too much may come back.
RETRY_AFTER = 1_000


class Greedy(Exception):
    """The peer asks for the manifest again and again: it ends the connection."""


@dataclass
class _Upload:
    id: int
    shard: int
    next: int
    end: int
    priority: int
    frames_sent: int = 0


class Uploads:
    """Requests that have not ended, most urgent first. `is_lying` makes it serve bytes that are wrong."""

    def __init__(
        self, connection: Connection, model: Model, handle: int, send: Callable[..., None], is_lying: bool
    ) -> None:
        self._connection, self._model, self._handle, self._send = connection, model, handle, send
        self._is_lying = is_lying
        self._waiting: dict[int, _Upload] = {}
        self._last = 0
        self._parts = 0
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Sends chunk after chunk until it is cancelled."""
        while True:
            await self._news.wait()
            if self._waiting:
                await self._send_chunk(min(self._waiting.values(), key=lambda upload: (upload.priority, upload.id)))
            else:
                self._news.clear()

    def requested(self, m: Message) -> None:
        if m["id"] <= self._last:
            raise Malformed("a request whose id is not larger")
        self._last = m["id"]
        end = m["first"] + m["count"]
        if m["count"] > MOST_CHUNKS or len(self._waiting) >= MOST_REQUESTS:
            self._reject(m["id"], "limit", retry_after=RETRY_AFTER)
        elif not self._model.has(m["shard"]) or end > self._model.manifest.shards[m["shard"]].chunks:
            self._reject(m["id"], "missing")
        else:
            priority = PRIORITIES.index(m["priority"])
            self._waiting[m["id"]] = _Upload(m["id"], m["shard"], m["first"], end, priority)
            self._news.set()

    def cancelled(self, m: Message) -> None:
        if upload := self._waiting.pop(m["id"], None):
            self._reject(upload.id, "cancelled", frames_sent=upload.frames_sent)

    def promoted(self, m: Message) -> None:
        if upload := self._waiting.get(m["id"]):
            upload.priority = PRIORITIES.index(m["priority"])

    def manifest_requested(self, m: Message) -> None:
        known = self._model.known
        self._parts += 1
        if known is None:
            return self._send("manifestPart", offset=0, total=0, bytes=b"")
        if self._parts > 2 * -(-len(known.text) // PART) + 64:
            raise Greedy("the manifest was asked for too often")
        if m["offset"] >= len(known.text):
            raise Malformed("an offset behind the manifest")
        part = known.text[m["offset"] : m["offset"] + PART]
        self._send("manifestPart", offset=m["offset"], total=len(known.text), bytes=part)

    def hashes_requested(self, m: Message) -> None:
        self._send("hashes", shard=m["shard"], digests=self._model.hashes(m["shard"]))

    async def _send_chunk(self, upload: _Upload) -> None:
        chunk, upload.next = upload.next, upload.next + 1
        data = self._model.chunk(upload.shard, chunk)
        if self._is_lying:
            data = bytes([data[0] ^ 1]) + data[1:]
        for offset in range(0, len(data), FRAME):
            # What was cancelled meanwhile gets no frame more: `reject` has said how many there were.
            if self._waiting.get(upload.id) is not upload:
                return
            upload.frames_sent += 1
            if offset + FRAME >= len(data) and upload.next == upload.end:
                del self._waiting[upload.id]
            frame = Frame(self._handle, upload.id, chunk, offset, data[offset : offset + FRAME])
            await self._connection.send_bulk(frame.encode())

    def _reject(self, id: int, reason: str, frames_sent: int = 0, retry_after: int = 0) -> None:
        self._send("reject", id=id, reason=reason, framesSent=frames_sent, retryAfter=retry_after)
