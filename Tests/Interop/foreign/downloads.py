"""What we ask of a peer: sections "The manifest", "Hash lists", "Frames", "Requests", "Wrong bytes"."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from .manifest import Manifest, Shard, read
from .rtc import Connection, Ended
from .wire import FRAME, PART, Frame, Malformed, Message

# Requests that have not ended, and chunks of each, once a first chunk has come: at most 16 chunks in flight.
MOST_REQUESTS = 4
MOST_CHUNKS = 4
MOST_PARTS = 4
PART_WAIT, HASHES_WAIT, CHUNK_WAIT = 5.0, 2.0, 20.0


class Useless(Exception):
    """This peer does not have, or does not give, what was asked for; another one may."""


@dataclass
class _Download:
    id: int
    shard: Shard
    first: int
    count: int
    # Chunks of which some frames have come; the frames by (chunk, offset); chunks that are whole.
    partial: dict[int, bytearray] = field(default_factory=dict)
    got: set[tuple[int, int]] = field(default_factory=set)
    whole: int = 0
    # Chunks that were verified, right and wrong ones.
    right: int = 0
    judged: int = 0
    # Of `reject`: how many frames have been sent, and the seconds after which one may ask again.
    frames_sent: int | None = None
    retry_after: float | None = None


# A chunk that is whole, or with None a request that was rejected and of which all frames are here.
_Result = tuple[_Download, tuple[int, bytes] | None]


class Downloads:
    """One thing at a time is asked for: the manifest, or a hash list, or the chunks of a shard."""

    def __init__(self, connection: Connection, send: Callable[..., None]) -> None:
        self._connection, self._send = connection, send
        self.maximum_requests = self.maximum_chunks = 1
        self._due: Counter[str] = Counter()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._downloads: dict[int, _Download] = {}
        self._last = 0
        self._results: asyncio.Queue[_Result] = asyncio.Queue()

    async def manifest(self, id: bytes) -> Manifest:
        """Refuses whatever is not the manifest of that ID."""
        self._request("manifestPart", "manifestRequest", offset=0)
        total, whole = await self._part(0)
        asked, unanswered = PART, 0
        while len(whole) < total:
            while asked < total and unanswered < MOST_PARTS:
                self._request("manifestPart", "manifestRequest", offset=asked)
                asked, unanswered = asked + PART, unanswered + 1
            known, part = await self._part(len(whole))
            if known != total:
                raise Ended("the manifest has changed its length")
            whole, unanswered = whole + part, unanswered - 1
        if sha256(whole).digest() != id:
            raise Ended("the manifest is another one")
        return read(whole)

    async def _part(self, offset: int) -> tuple[int, bytes]:
        """The length of the whole, and the bytes from the offset on, which were asked for."""
        part = await self._answer("manifestPart", PART_WAIT)
        if part["total"] == 0:
            raise Useless("the peer has no manifest")
        if part["offset"] != offset or len(part["bytes"]) != min(PART, part["total"] - offset):
            raise Ended("another part of the manifest than was asked for")
        return part["total"], part["bytes"]

    async def hashes(self, index: int, shard: Shard) -> list[bytes]:
        if shard.chunks == 1:
            return [shard.root]
        self._request("hashes", "hashesRequest", shard=index)
        answer = await self._answer("hashes", HASHES_WAIT)
        if answer["shard"] != index or not answer["digests"]:
            raise Useless("the peer has no hash list")
        if not shard.accepts(answer["digests"]):
            self._send("corrupt", shard=index, chunk=0)
            raise Useless("the hash list is wrong")
        return answer["digests"]

    async def shard(self, index: int, shard: Shard, digests: list[bytes]) -> bytes:
        """The verified bytes of a shard."""
        missing = deque(range(shard.chunks))
        done: dict[int, bytes] = {}
        while len(done) < shard.chunks:
            self._ask(index, shard, missing, most=1 if not done else MOST_REQUESTS)
            async with asyncio.timeout(CHUNK_WAIT):
                download, found = await self._connection.unless_ended(self._results.get())
            if found is None:
                self._acknowledge(download)
                if download.retry_after is None:
                    raise Useless("the peer does not serve the shard")
                rest = range(download.first, download.first + download.count)
                missing.extendleft(chunk for chunk in reversed(rest) if chunk not in done)
                await self._connection.unless_ended(asyncio.sleep(download.retry_after))
                continue
            chunk, data = found
            is_right = sha256(data).digest() == digests[chunk]
            download.right += is_right
            download.judged += 1
            if download.judged == download.count:
                self._acknowledge(download)
            if not is_right:
                self._send("corrupt", shard=index, chunk=chunk)
                raise Useless(f"chunk {chunk} of shard {index} is wrong")
            done[chunk] = data
        return b"".join(done[chunk] for chunk in range(shard.chunks))

    def answered(self, m: Message) -> None:
        """A part of the manifest or a hash list; what nobody has asked for is ignored."""
        if self._due[m["type"]]:
            self._due[m["type"]] -= 1
            self._answers.put_nowait(m)

    def rejected(self, m: Message) -> None:
        if download := self._downloads.get(m["id"]):
            download.frames_sent = m["framesSent"]
            if m["reason"] in ("busy", "limit", "elsewhere"):
                download.retry_after = min(max(m["retryAfter"], 100), 60_000) / 1_000
            self._end_if_over(download)

    def received(self, frame: Frame) -> None:
        """The checks of a frame from the third on."""
        if not 0 < frame.request <= self._last:
            raise Ended("a frame that nobody asked for")
        download = self._downloads.get(frame.request)
        if download is None:
            return
        place = frame.chunk, frame.offset
        if not download.first <= frame.chunk < download.first + download.count or place in download.got:
            raise Malformed("a chunk that was not asked for, or a frame that came before")
        size = download.shard.chunk_size(frame.chunk)
        if frame.offset >= size or len(frame.payload) != min(FRAME, size - frame.offset):
            raise Malformed("an offset or a length that the chunk does not have")
        download.got.add(place)
        data = download.partial.setdefault(frame.chunk, bytearray(size))
        data[frame.offset : frame.offset + len(frame.payload)] = frame.payload
        if sum(chunk == frame.chunk for chunk, _ in download.got) == -(-size // FRAME):
            download.whole += 1
            self._results.put_nowait((download, (frame.chunk, bytes(download.partial.pop(frame.chunk)))))
        self._end_if_over(download)

    def _request(self, answer: str, type: str, **fields: int) -> None:
        self._due[answer] += 1
        self._send(type, **fields)

    async def _answer(self, type: str, wait: float) -> Message:
        try:
            async with asyncio.timeout(wait):
                return await self._connection.unless_ended(self._answers.get())
        except TimeoutError as error:
            raise Useless(f"no {type} within {wait} s") from error

    def _ask(self, index: int, shard: Shard, missing: deque[int], most: int) -> None:
        while missing and len(self._downloads) < min(most, self.maximum_requests):
            first, count = missing.popleft(), 1
            largest = min(MOST_CHUNKS, self.maximum_chunks) if most > 1 else 1
            while count < largest and missing and missing[0] == first + count:
                missing.popleft()
                count += 1
            self._last += 1
            self._downloads[self._last] = _Download(self._last, shard, first, count)
            self._send("request", id=self._last, shard=index, first=first, count=count, priority="next", deadline=0)

    def _end_if_over(self, download: _Download) -> None:
        """A request ends with its last frame; when it was rejected, with the last one that was sent before."""
        if download.whole == download.count:
            del self._downloads[download.id]
        elif download.frames_sent is not None and len(download.got) >= download.frames_sent:
            del self._downloads[download.id]
            self._results.put_nowait((download, None))

    def _acknowledge(self, download: _Download) -> None:
        if download.right:
            self._send("ack", id=download.id, chunks=download.right)
