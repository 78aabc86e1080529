"""One connection, start to end: sections "Handshake", "Swarms and handles", "What a node has", "Liveness"."""

import asyncio
import os
import time
from collections.abc import Callable

from . import wire
from .downloads import Downloads
from .model import Model
from .proofs import INITIATOR, RESPONDER, Identity, Transcript, code, holds
from .rtc import Connection, Ended
from .uploads import MOST_CHUNKS, MOST_REQUESTS, Greedy, Uploads
from .wire import Malformed, Message

AGENT = "foreign peer 1"
HANDLE = 1
# Seconds: section "Trackers" for the first, "Handshake", "Liveness".
OPENING, HANDSHAKE, PING_EVERY, SILENCE = 20.0, 5.0, 2.0, 7.0
FORGIVEN = 2


class Session:
    """What is said on one connection about one swarm; `secret` is M.

    `proven` is asked when the handshake is over: it may end this session or another one to the same node.
    """

    def __init__(
        self,
        connection: Connection,
        role: int,
        identity: Identity,
        secret: bytes,
        model: Model,
        proven: Callable[["Session"], None],
        is_lying: bool = False,
    ) -> None:
        self.connection, self._role, self._identity = connection, role, identity
        self._secret, self._model, self._proven = secret, model, proven
        self.uploads = Uploads(connection, model, HANDLE, self.send, is_lying)
        self.downloads = Downloads(connection, self.send)
        self.hello: Message = {}
        self.is_proven = False
        # The peer's handle of the swarm, and what it can serve; None before it has said so.
        self._handle: int | None = None
        self._joined: set[int] = set()
        self._bits: tuple[int, bytearray] | None = None
        self.told = asyncio.Event()
        self._malformed = 0
        self._heard = time.monotonic()

    async def run(self) -> str:
        """Returns why it is over, when it is."""
        tasks = []
        try:
            async with asyncio.timeout(OPENING):
                await self.connection.unless_ended(self.connection.opened.wait())
            async with asyncio.timeout(HANDSHAKE):
                await self._shake_hands()
            tasks = [asyncio.create_task(job) for job in (self.uploads.run(), self._listen_for_silence())]
            self._join()
            while True:
                self._received(*await self.connection.receive())
        except (Ended, Greedy, Malformed) as error:
            self.connection.end(str(error))
        except TimeoutError:
            self.connection.end("no connection or no handshake in time")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.connection.close()
        return self.connection.ended.result()

    def send(self, type: str, **fields: object) -> None:
        handle = 0 if type in ("hello", "helloProof", "ping", "pong") else HANDLE
        self.connection.send_control(wire.encode({"type": type, "handle": handle, **fields}))

    def has(self, shard: int) -> bool:
        """Whether the peer can serve the shard whole."""
        return self._bits is not None and shard < self._bits[0] and wire.has_bit(self._bits[1], shard)

    def tell_of_manifest(self) -> None:
        """For one that came later: the peer's bits were kept unchecked, and ours can be sent now."""
        if self._bits is not None and self._bits[0] != len(self._model.manifest.shards):
            self._bits = None
            self._count_malformed("a bitfield of another length")
        self._send_bits()

    async def _shake_hands(self) -> None:
        nonce = os.urandom(32)
        self.send(
            "hello", version=1, session=self._identity.session, nonce=nonce, publicKey=self._identity.public_key,
            capabilities=0, maximumRequests=MOST_REQUESTS, maximumChunks=MOST_CHUNKS, agent=AGENT,
        )
        self.hello = await self._first("hello")
        if self.hello["version"] != 1 or self.hello["publicKey"] == self._identity.public_key:
            raise Ended("another version, or ourselves")
        mine = nonce, self.connection.local_fingerprint
        theirs = self.hello["nonce"], self.connection.remote_fingerprint
        first, second = (mine, theirs) if self._role == INITIATOR else (theirs, mine)
        self._transcript = Transcript(first[0], second[0], first[1], second[1])
        self.send("helloProof", signature=self._identity.sign(self._transcript.hello(self._role)))
        proof = await self._first("helloProof")
        if not holds(proof["signature"], self._transcript.hello(self._other_role), self.hello["publicKey"]):
            raise Ended("the peer is not who it says")
        self.downloads.maximum_requests = self.hello["maximumRequests"]
        self.downloads.maximum_chunks = self.hello["maximumChunks"]
        self.is_proven = True
        self._proven(self)

    async def _first(self, type: str) -> Message:
        """The next message, which must be of that type: before the handshake is over nothing is forgiven."""
        channel, data = await self.connection.receive()
        message = wire.decode(data) if channel == "control" else None
        if message is None or message["type"] != type:
            raise Ended(f"the peer does not begin with {type}")
        return message

    @property
    def _other_role(self) -> int:
        return RESPONDER if self._role == INITIATOR else INITIATOR

    def _join(self) -> None:
        self.send("join", proof=code(self._secret, self._transcript.join(self._role)))

    def _received(self, channel: str, data: bytes) -> None:
        self._heard = time.monotonic()
        try:
            if channel == "bulk":
                if frame := wire.decode_frame(data):
                    self.downloads.received(frame)
            elif message := wire.decode(data):
                self._handle_message(message)
        except wire.TooLong:
            raise
        except Malformed as error:
            self._count_malformed(str(error))

    def _count_malformed(self, what: str) -> None:
        self._malformed += 1
        if self._malformed > FORGIVEN:
            raise Ended(f"the third malformed message: {what}")

    def _handle_message(self, m: Message) -> None:
        match m["type"]:
            case "hello" | "helloProof":
                raise Ended("the handshake is over")
            case "ping":
                self.send("pong", token=m["token"])
            case "join":
                self._peer_joined(m["handle"], m["proof"])
            case "leave":
                self._peer_left(m["handle"])
            case _ if m["handle"] == self._handle:
                self._handle_swarm(m)

    def _peer_joined(self, handle: int, proof: bytes) -> None:
        if handle in self._joined:
            raise Ended("a second join with a handle")
        self._joined.add(handle)
        if self._handle is None and proof == code(self._secret, self._transcript.join(self._other_role)):
            self._handle = handle
            if self._model.known is not None:
                self._send_bits()

    def _peer_left(self, handle: int) -> None:
        self._joined.discard(handle)
        if handle == self._handle:
            # This was the only swarm that we share.
            raise Ended("the peer has left the swarm")

    def _handle_swarm(self, m: Message) -> None:
        match m["type"]:
            case "bitfield":
                known = self._model.known
                if known is not None and m["count"] != len(known.shards):
                    raise Malformed("a bitfield of another length")
                self._bits = m["count"], bytearray(m["bits"])
                self.told.set()
            case "have" | "gone":
                self._mark(m["shards"], m["type"] == "have")
            case "manifestRequest":
                self.uploads.manifest_requested(m)
            case "hashesRequest":
                self.uploads.hashes_requested(m)
            case "request":
                self.uploads.requested(m)
            case "cancel":
                self.uploads.cancelled(m)
            case "promote":
                self.uploads.promoted(m)
            case "manifestPart" | "hashes":
                self.downloads.answered(m)
            case "reject":
                self.downloads.rejected(m)

    def _mark(self, shards: list[int], is_there: bool) -> None:
        for shard in shards:
            if self._bits is not None and shard < self._bits[0]:
                bit = 0x80 >> shard % 8
                self._bits[1][shard // 8] = self._bits[1][shard // 8] & ~bit | (bit if is_there else 0)

    def _send_bits(self) -> None:
        self.send("bitfield", count=len(self._model.manifest.shards), bits=self._model.bits)

    async def _listen_for_silence(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY)
            if time.monotonic() - self._heard > SILENCE:
                return self.connection.end("the peer is silent")
            self.send("ping", token=int.from_bytes(os.urandom(8), "big"))
