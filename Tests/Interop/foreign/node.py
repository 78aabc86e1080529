"""A node in one swarm: its trackers, its offers, its sessions. Sections "Trackers" and "Duplicate connections"."""

import asyncio
import os
import sys
import time
from hashlib import sha256

from .link import Link
from .model import Model
from .proofs import INITIATOR, RESPONDER, Identity, info_hash, join_key
from .rtc import Connection, Ended
from .session import Session
from .tracker import Offer, Tracker

# So every peer can have an upload slot.
MOST_SESSIONS = 16
MOST_UNPROVEN = 10
OFFER_LIFE = 110.0


class Node:
    """Runs in `async with`. It makes offers when it `seeks` peers, and always answers those of others."""

    def __init__(self, link: Link, model: Model, seeks: bool, is_lying: bool = False) -> None:
        self._link, self._model, self._seeks, self._is_lying = link, model, seeks, is_lying
        self._identity = Identity()
        self._secret = join_key(link.manifest_id, link.swarm_key)
        self._sessions: list[Session] = []
        self._offer: tuple[bytes, str, Connection, float] | None = None
        self._trackers: list[asyncio.Task] = []
        self._meetings: set[asyncio.Task] = set()
        self.proven: asyncio.Queue[Session] = asyncio.Queue()
        # How many bytes are still wanted, for trackers; None while that is unknown.
        self.left: int | None = None if seeks else 0

    async def __aenter__(self) -> "Node":
        name = info_hash(self._link.manifest_id, self._link.swarm_key)
        for url in self._link.trackers:
            tracker = Tracker(url, name, self._secret, self._offers, self._answer, self._answered, lambda: self.left)
            self._trackers.append(asyncio.create_task(tracker.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._trackers:
            task.cancel()
        for session in self._sessions:
            session.connection.end("closed here")
        # Not cancelled: a connection of aiortc that is interrupted while it closes leaves tasks that never end.
        await asyncio.gather(*self._trackers, *self._meetings, return_exceptions=True)
        if self._offer:
            await self._offer[2].close()

    async def _offers(self) -> list[Offer]:
        """One offer while nobody is found, the same one until it is too old."""
        if not self._seeks or any(session.is_proven for session in self._sessions):
            return []
        if self._offer and time.monotonic() > self._offer[3] + OFFER_LIFE:
            await self._offer[2].close()
            self._offer = None
        if self._offer is None:
            connection = Connection()
            self._offer = os.urandom(20), await connection.offer(), connection, time.monotonic()
        return [self._offer[:2]]

    async def _answer(self, offer: str) -> str | None:
        unproven = sum(not session.is_proven for session in self._sessions)
        if len(self._sessions) >= MOST_SESSIONS or unproven >= MOST_UNPROVEN:
            return None
        connection = Connection()
        try:
            answer = await connection.answer(offer)
        except (Ended, ValueError) as error:
            print(f"an offer was refused: {error}", file=sys.stderr)
            await connection.close()
            return None
        self._meet(connection, RESPONDER)
        return answer

    async def _answered(self, id: bytes, answer: str) -> None:
        if self._offer is None or self._offer[0] != id:
            return
        connection, self._offer = self._offer[2], None
        try:
            await connection.accept(answer)
        except (Ended, ValueError) as error:
            print(f"an answer was refused: {error}", file=sys.stderr)
            return await connection.close()
        self._meet(connection, INITIATOR)

    def _meet(self, connection: Connection, role: int) -> None:
        session = Session(
            connection, role, self._identity, self._secret, self._model, self._noticed_proof, self._is_lying
        )
        self._sessions.append(session)
        meeting = asyncio.create_task(self._run(session))
        self._meetings.add(meeting)
        meeting.add_done_callback(self._meetings.discard)

    async def _run(self, session: Session) -> None:
        reason = await session.run()
        self._sessions.remove(session)
        print(f"a connection has ended: {reason}", file=sys.stderr)

    def _noticed_proof(self, session: Session) -> None:
        """Of two connections to one node, one is ended: the older session's, or the later one by the lower node ID."""
        for other in self._sessions:
            if other is session or not other.is_proven or other.hello["publicKey"] != session.hello["publicKey"]:
                continue
            if other.hello["session"] != session.hello["session"]:
                min(session, other, key=lambda one: one.hello["session"]).connection.end("the peer has started anew")
            elif self._identity.node_id < sha256(session.hello["publicKey"]).digest():
                session.connection.end("there is a connection to that node already")
        print(f"connected with {session.hello['agent']!r}", file=sys.stderr)
        self.proven.put_nowait(session)
