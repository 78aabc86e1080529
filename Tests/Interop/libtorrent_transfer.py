"""Usage: libtorrent_transfer.py SHOAL FOLDER

In a network namespace of its own (`unshare --net`, with the rights to set it up): one libtorrent client seeds 16 MiB
and another leeches it through `SHOAL tracker`, over WebRTC alone, without STUN. Prints what came of it as one line of
JSON.

libtorrent's WebRTC offers no loopback addresses, so the namespace gets an interface that leads nowhere; the tracker
listens on 127.0.0.1.
"""

import base64
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

import libtorrent as lt

SIZE = 16 << 20


def isolate():
    """Gives the namespace an interface; ends the program where others live in it."""
    with open("/proc/self/net/route") as routes:
        is_used = len(routes.readlines()) > 1
    if is_used:
        sys.exit("this is not a network namespace of its own: run it under `unshare --net`")
    for command in (
        "link set lo up",
        "link add nowhere type bridge",
        "address add 10.99.0.1/24 dev nowhere",
        "link set nowhere up",
        "route add default dev nowhere",
    ):
        subprocess.run(["ip"] + command.split(), check=True)


def session():
    return lt.session(
        {
            "listen_interfaces": "10.99.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_tcp": False,
            "enable_outgoing_tcp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "webtorrent_stun_server": "",
            "min_websocket_announce_interval": 1,
            "stop_tracker_timeout": 1,
            "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.error_notification,
        }
    )


def problems(sessions):
    """What the tracker is to blame for, in libtorrent's words."""
    alerts = [alert for session in sessions for alert in session.pop_alerts()]
    return [a.message() for a in alerts if isinstance(a, (lt.tracker_error_alert, lt.tracker_warning_alert))]


def until(what, condition):
    """The alarm ends what never comes."""
    while not (value := condition()):
        time.sleep(0.25)
    print(what, file=sys.stderr)
    return value


def stats(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats.json") as page:
        return json.load(page)


def scrape(port, info_hash):
    """One WebSocket (RFC 6455) that asks once."""
    text = json.dumps({"action": "scrape", "info_hash": info_hash.decode("latin-1")}).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        stream = connection.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        connection.sendall(struct.pack(">BBHI", 0x81, 0x80 | 126, len(text), 0) + text)
        _, length = stream.read(2)
        if length == 126:
            (length,) = struct.unpack(">H", stream.read(2))
        answer = json.loads(stream.read(length))
    return answer["files"][info_hash.decode("latin-1")]


def transfer(port, url, folder):
    seeds, leech = os.path.join(folder, "seeds"), os.path.join(folder, "leech")
    os.makedirs(seeds)
    os.makedirs(leech)
    weights = os.urandom(SIZE)
    with open(os.path.join(seeds, "weights.bin"), "wb") as file:
        file.write(weights)
    storage = lt.file_storage()
    lt.add_files(storage, os.path.join(seeds, "weights.bin"))
    # A torrent of both versions would be two swarms to a tracker.
    torrent = lt.create_torrent(storage, flags=lt.create_torrent.v1_only)
    torrent.add_tracker(url)
    lt.set_piece_hashes(torrent, seeds)
    info = lt.torrent_info(lt.bdecode(lt.bencode(torrent.generate())))
    info_hash = info.info_hashes().v1.to_bytes()

    seeder, leecher = session(), session()
    seed = seeder.add_torrent({"ti": info, "save_path": seeds})
    until("the seeder is announced", lambda: seed.status().is_seeding and stats(port)["seeders"] == 1)
    start = time.monotonic()
    fetch = leecher.add_torrent({"ti": info, "save_path": leech})
    until("the leecher has everything", lambda: fetch.status().is_seeding)
    seconds = time.monotonic() - start
    until("the tracker has heard of it", lambda: stats(port)["completed"] == 1)
    result = {
        "seconds": round(seconds, 2),
        "scrape": scrape(port, info_hash),
        "during": stats(port),
        "payload": fetch.status().total_payload_download,
    }
    with open(os.path.join(leech, "weights.bin"), "rb") as file:
        result["isEqual"] = file.read() == weights
    result["problems"] = problems([seeder, leecher])
    # The `stopped` that libtorrent 2.1.1 logs never arrives: the end of the session is what the tracker hears of.
    del seed, fetch, seeder, leecher
    until("both have left", lambda: stats(port)["peers"] == 0)
    result["after"] = stats(port)
    return result


def main():
    shoal, folder = sys.argv[1:]
    isolate()
    tracker = subprocess.Popen(
        [shoal, "tracker", "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        # 50 s: the transfer takes two.
        signal.signal(signal.SIGALRM, lambda *_: sys.exit("50 s have passed"))
        signal.alarm(50)
        url = tracker.stdout.readline().strip()
        print(json.dumps(transfer(int(url.rsplit(":", 1)[1]), url, folder)))
    finally:
        tracker.kill()
        tracker.wait()


main()
