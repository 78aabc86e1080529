"""Usage: libtorrent-fanout.py MODEL FOLDER RATE FETCHERS

One libtorrent seeder whose uplink has RATE bytes a second, and FETCHERS leechers without a limit, each a session of its
own on 127.0.0.1, TCP only. Prints `seconds S`: from the start of the leechers until the last of them has everything.
"""

import os
import sys
import time

import libtorrent as lt


def session():
    s = lt.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "rate_limit_ip_overhead": False,
            "alert_mask": 0,
        }
    )
    # Peers on a local network are in a class of their own, which no limit of the session applies to: everybody is in the
    # one that limits apply to.
    everybody = lt.ip_filter()
    everybody.add_rule("0.0.0.0", "255.255.255.255", 1 << lt.session.global_peer_class_id)
    s.set_peer_class_filter(everybody)
    return s


def main():
    model, folder, rate, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    storage = lt.file_storage()
    lt.add_files(storage, model)
    torrent = lt.create_torrent(storage)
    lt.set_piece_hashes(torrent, os.path.dirname(model))
    info = lt.torrent_info(lt.bdecode(lt.bencode(torrent.generate())))

    seeder = session()
    seeder.apply_settings({"upload_rate_limit": rate})
    seed = seeder.add_torrent({"ti": info, "save_path": os.path.dirname(model)})
    while not seed.status().is_seeding:
        time.sleep(0.01)

    start = time.monotonic()
    leechers = []
    for number in range(count):
        path = os.path.join(folder, str(number))
        os.makedirs(path)
        leecher = session()
        leechers.append((leecher, leecher.add_torrent({"ti": info, "save_path": path})))
    # What a tracker would tell them.
    ports = [seeder.listen_port()] + [leecher.listen_port() for leecher, _ in leechers]
    for _, handle in leechers:
        for port in ports:
            handle.connect_peer(("127.0.0.1", port))
    while not all(handle.status().is_seeding for _, handle in leechers):
        time.sleep(0.01)
    print(f"seconds {time.monotonic() - start:.3f}", flush=True)


main()
