"""One WebTorrent tracker. Section "Trackers"."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidURI, WebSocketException

from . import proofs

LARGEST_MESSAGE = 262_144
INTERVAL = 30.0

# An offer as (ID, SDP).
Offer = tuple[bytes, str]


def to_text(data: bytes) -> str:
    """20 bytes as the tracker wants them: a character for each."""
    return data.decode("latin-1")


def to_bytes(text: object) -> bytes | None:
    """20 bytes again; None for anything else."""
    if not isinstance(text, str) or len(text) != 20 or max(text) > "\xff":
        return None
    return text.encode("latin-1")


class Tracker:
    """Announces one swarm, whose M is `member`, until it is cancelled, and says `stopped` then.

    - `offers` makes what the next announce offers, `answer` the SDP for an offer (None: it stays unanswered),
      `answered` takes the answer to one of ours, `left` says how many bytes are still wanted (None: unknown).
    """

    def __init__(
        self,
        url: str,
        info_hash: bytes,
        member: bytes,
        offers: Callable[[], Awaitable[list[Offer]]],
        answer: Callable[[str], Awaitable[str | None]],
        answered: Callable[[bytes, str], Awaitable[None]],
        left: Callable[[], int | None],
    ) -> None:
        self._url, self._info_hash, self._member = url, info_hash, member
        self._offers, self._answer, self._answered, self._left = offers, answer, answered, left
        self._peer_id = b""
        self._minimum = 0.0

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                # No proxy, whatever the environment says: the tracker is on this machine.
                async with connect(self._url, max_size=LARGEST_MESSAGE, proxy=None) as socket:
                    failures = 0
                    await self._talk(socket)
            except InvalidURI:
                raise
            except (OSError, WebSocketException) as error:
                print(f"tracker: {error}", file=sys.stderr)
            failures += 1
            await asyncio.sleep(min(60.0, random.uniform(0.5, 2) * 2 ** max(0, failures - 8)))

    async def _talk(self, socket: ClientConnection) -> None:
        self._peer_id = os.urandom(20)  # new for each socket
        announcing = asyncio.create_task(self._announce_again_and_again(socket))
        try:
            async for text in socket:
                await self._received(socket, text)
        except asyncio.CancelledError:
            await self._send(socket, {"event": "stopped", **self._figures()})
            raise
        finally:
            announcing.cancel()

    async def _announce_again_and_again(self, socket: ClientConnection) -> None:
        event, pause = {"event": "started"}, 2.0
        while True:
            offers = await self._offers()
            listed = [{"offer_id": to_text(id), "offer": self._description("offer", id, sdp)} for id, sdp in offers]
            await self._send(socket, {**event, **self._figures(), "numwant": len(listed), "offers": listed})
            began = time.monotonic()
            # Sooner while it looks for somebody, but never before the tracker allows it.
            await asyncio.sleep(pause if listed else INTERVAL)
            while time.monotonic() < began + self._minimum:
                await asyncio.sleep(began + self._minimum - time.monotonic())
            event, pause = {}, min(2 * pause, INTERVAL)

    def _description(self, kind: str, id: bytes, sdp: str) -> dict[str, str]:
        now = time.time_ns() // 1_000_000
        noted = proofs.noted(self._member, 1 if kind == "offer" else 2, self._peer_id, id, now, sdp)
        return {"type": kind, "sdp": noted}

    def _figures(self) -> dict[str, Any]:
        left = self._left()
        return {"uploaded": 0, "downloaded": 0, **({} if left is None else {"left": left})}

    async def _send(self, socket: ClientConnection, fields: dict[str, Any]) -> None:
        names = {"action": "announce", "info_hash": to_text(self._info_hash), "peer_id": to_text(self._peer_id)}
        await socket.send(json.dumps({**names, **fields}))

    async def _received(self, socket: ClientConnection, text: str | bytes) -> None:
        try:
            message = json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            return
        if not isinstance(message, dict):
            return
        if "failure reason" in message:
            print(f"tracker: refused, {message['failure reason']!r}", file=sys.stderr)
        if to_bytes(message.get("info_hash")) != self._info_hash:
            return
        minimum = message.get("min interval")
        if isinstance(minimum, (int, float)):
            self._minimum = min(max(0.0, float(minimum)), 3600.0)
        sender, id = to_bytes(message.get("peer_id")), to_bytes(message.get("offer_id"))
        if sender is None or id is None or sender == self._peer_id:
            return
        if sdp := _sdp(message.get("offer"), "offer"):
            if answer := await self._answer(sdp):
                description = self._description("answer", id, answer)
                fields = {"to_peer_id": to_text(sender), "offer_id": to_text(id), "answer": description}
                left = self._left()
                await self._send(socket, fields if left is None else {**fields, "left": left})
        elif sdp := _sdp(message.get("answer"), "answer"):
            await self._answered(id, sdp)


def _sdp(description: object, kind: str) -> str | None:
    if not isinstance(description, dict) or description.get("type") != kind:
        return None
    sdp = description.get("sdp")
    # Members and strangers are treated alike here: this peer is none that strangers flood.
    return proofs.without_note(sdp)[0] if isinstance(sdp, str) else None
