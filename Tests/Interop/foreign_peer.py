"""A peer of Shoal from docs/protocol.md alone, over aiortc: it knows nothing of Shoal's sources.

    foreign_peer.py fetch LINK --shard N --output FILE    gets one shard, and prints what it got as a line of JSON
    foreign_peer.py serve FOLDER --tracker URL            publishes a folder of plain files, prints its link, serves

`serve --lie` serves manifest and hash lists as they are, and chunks of which the first byte is wrong.
What is for people goes to stderr. The exit code is 1, with an error there, when it did not work.

aiortc has no candidates on loopback: it needs an interface with an address. It asks no STUN server.
"""

import argparse
import asyncio
import json
import signal
import sys
from hashlib import sha256
from pathlib import Path

from foreign import link
from foreign.downloads import Useless
from foreign.manifest import BadManifest
from foreign.model import Model
from foreign.node import Node
from foreign.rtc import Ended
from foreign.session import Session


async def fetch_from(node: Node, session: Session, model: Model, id: bytes, index: int) -> bytes:
    """The verified bytes of a shard, from one peer."""
    async with asyncio.timeout(10):
        await session.connection.unless_ended(session.told.wait())
    if model.known is None:
        model.known = await session.downloads.manifest(id)
        session.tell_of_manifest()
    if index >= len(model.manifest.shards):
        raise ValueError(f"the model has {len(model.manifest.shards)} shards")
    if not session.has(index):
        raise Useless("the peer does not have the shard")
    shard = model.manifest.shards[index]
    node.left = shard.size
    data = await session.downloads.shard(index, shard, await session.downloads.hashes(index, shard))
    model.add(index, data)
    node.left = 0
    session.send("have", shards=[index])
    return data


async def fetch(arguments: argparse.Namespace) -> None:
    wanted, model = link.read(arguments.link), Model()
    async with asyncio.timeout(arguments.timeout), Node(wanted, model, seeks=True) as node:
        while True:
            session = await node.proven.get()
            try:
                data = await fetch_from(node, session, model, wanted.manifest_id, arguments.shard)
                break
            except (BadManifest, Ended, TimeoutError, Useless) as error:
                print(f"a peer was of no use: {error}", file=sys.stderr)
                session.connection.end("of no use")
    arguments.output.write_bytes(data)
    shard = model.manifest.shards[arguments.shard]
    print(json.dumps({
        "agent": session.hello["agent"], "bytes": len(data), "chunks": shard.chunks, "extents": shard.extents,
        "manifest": model.manifest.id.hex(), "manifestBytes": len(model.manifest.text),
        "paths": model.manifest.paths, "sha256": sha256(data).hexdigest(),
    }))


async def serve(arguments: argparse.Namespace) -> None:
    model = Model.published(arguments.folder)
    offered = link.Link(model.manifest.id, name=arguments.folder.name, trackers=[arguments.tracker])
    over = asyncio.Event()
    ends = (signal.SIGINT, signal.SIGTERM)
    for number in ends:
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    # Swift's Foundation starts programs with the signals blocked that its own thread has blocked.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    async with Node(offered, model, seeks=False, is_lying=arguments.lie):
        print(offered, flush=True)
        await over.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    fetching = commands.add_parser("fetch")
    fetching.set_defaults(run=fetch)
    fetching.add_argument("link")
    fetching.add_argument("--shard", type=int, required=True)
    fetching.add_argument("--output", type=Path, required=True)
    fetching.add_argument("--timeout", type=float, default=60.0)
    serving = commands.add_parser("serve")
    serving.set_defaults(run=serve)
    serving.add_argument("folder", type=Path)
    serving.add_argument("--tracker", required=True)
    serving.add_argument("--lie", action="store_true")
    arguments = parser.parse_args()
    try:
        asyncio.run(arguments.run(arguments))
    except TimeoutError:
        sys.exit(f"error: no peer has given the shard within {arguments.timeout} s")
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
