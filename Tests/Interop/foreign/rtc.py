"""One WebRTC connection with its two channels, over aiortc. Section "Connections"."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, TypeVar

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

Value = TypeVar("Value")

LARGEST_SDP = 65_536
MOST_EARLY = 16
MOST_WAITING = 1_048_576
MOST_BUFFERED = 262_144
FINGERPRINT = re.compile(r"a=fingerprint:sha-256 ((?:[0-9a-fA-F]{2}:){31}[0-9a-fA-F]{2})")


class Ended(Exception):
    """The connection is over; the text says why."""


def fingerprint(sdp: str) -> bytes:
    """The SHA-256 of the certificate, of a description that a receiver takes."""
    lines = re.split(r"\r\n|\r|\n", sdp)
    found = [line for line in lines if line.startswith("a=fingerprint:")]
    match = FINGERPRINT.fullmatch(found[0]) if len(found) == 1 else None
    sizes = [int(line.partition(":")[2]) for line in lines if re.fullmatch(r"a=max-message-size:\d{1,10}", line)]
    if (
        len(sdp.encode()) > LARGEST_SDP
        or lines[0] != "v=0"
        or not any(line.startswith("m=application ") for line in lines)
        or match is None
        or any(0 < size < 32_784 for size in sizes)
    ):
        raise Ended("a description that is not one of ours")
    return bytes.fromhex(match[1].replace(":", ""))


class Connection:
    """Its messages come out of `receive`, with the name of their channel, until it raises `Ended`."""

    def __init__(self) -> None:
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._control = self._peer.createDataChannel("control", negotiated=True, id=0)
        self._bulk = self._peer.createDataChannel("bulk", ordered=False, negotiated=True, id=1)
        self._bulk.bufferedAmountLowThreshold = MOST_BUFFERED // 2
        self._inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._waiting = 0
        self._roomy = asyncio.Event()
        self.opened = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.local_fingerprint = self.remote_fingerprint = b""
        for channel in (self._control, self._bulk):
            channel.on("open", self._noticed_open)
            channel.on("close", lambda label=channel.label: self.end(f"{label} was closed"))
            channel.on("message", lambda data, label=channel.label: self._received(label, data))
        self._bulk.on("bufferedamountlow", self._roomy.set)
        self._peer.on("datachannel", lambda channel: self.end("a third channel"))
        self._peer.on("connectionstatechange", self._changed)

    async def offer(self) -> str:
        """An SDP that says all there is to say: aiortc gathers candidates before it returns one."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return self._described()

    async def answer(self, offer: str) -> str:
        self.remote_fingerprint = fingerprint(offer)
        await self._peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        return self._described()

    async def accept(self, answer: str) -> None:
        self.remote_fingerprint = fingerprint(answer)
        await self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def send_control(self, message: bytes) -> None:
        if self._control.readyState == "open":
            self._control.send(message)

    async def send_bulk(self, frame: bytes) -> None:
        """Returns when there is room behind the frame: control messages must not wait behind megabytes."""
        if self._bulk.readyState == "open":
            self._bulk.send(frame)
        while self._bulk.bufferedAmount > MOST_BUFFERED:
            self._roomy.clear()
            await self.unless_ended(self._roomy.wait())

    async def receive(self) -> tuple[str, bytes]:
        item = await self.unless_ended(self._inbox.get())
        self._waiting -= len(item[1])
        return item

    async def unless_ended(self, something: Awaitable[Value]) -> Value:
        """What it returns, unless the connection ends before."""
        task = asyncio.ensure_future(something)
        both: set[asyncio.Future[Any]] = {task, self.ended}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Ended(self.ended.result())
        finally:
            task.cancel()

    def end(self, reason: str) -> None:
        """The first reason counts."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        self.end("closed here")
        await self._peer.close()

    def _described(self) -> str:
        # aiortc also gives the SHA-384 and SHA-512 of the certificate, and the document wants exactly one fingerprint.
        lines = self._peer.localDescription.sdp.splitlines(keepends=True)
        others = ("a=fingerprint:sha-384 ", "a=fingerprint:sha-512 ")
        sdp = "".join(line for line in lines if not line.startswith(others))
        self.local_fingerprint = fingerprint(sdp)
        return sdp

    def _noticed_open(self) -> None:
        if self._control.readyState == self._bulk.readyState == "open":
            self.opened.set()

    def _changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.end(f"the connection has {self._peer.connectionState}")

    def _received(self, channel: str, data: bytes | str) -> None:
        if isinstance(data, str):
            return self.end("a text message")
        self._inbox.put_nowait((channel, data))
        self._waiting += len(data)
        if self._waiting > MOST_WAITING or (not self.opened.is_set() and self._inbox.qsize() > MOST_EARLY):
            self.end("more messages than can be handled")
