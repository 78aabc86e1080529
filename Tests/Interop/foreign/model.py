"""What a peer has of one model, in memory: this peer is for small ones."""

import os
from pathlib import Path
from unicodedata import normalize

import layout_one

from . import manifest
from .wire import pack_bits


class Model:
    """A manifest, as soon as it is known, and whole, verified shards."""

    def __init__(self, found: manifest.Manifest | None = None) -> None:
        self.known = found
        self._shards: dict[int, bytes] = {}
        self._hashes: dict[int, list[bytes]] = {}

    @classmethod
    def published(cls, folder: Path) -> "Model":
        """All of a folder of format `files`. Sections "Paths" and "Layout 1"."""
        files = sorted(_files(folder, ""), key=lambda file: file[0].encode())
        text, _ = layout_one.manifest(
            "files", [(path, data, [("dense", len(data))] if data else []) for path, data in files], None, None
        )
        model = cls(manifest.read(text))
        for index, shard in enumerate(model.manifest.shards):
            model.add(index, b"".join(files[file][1][at : at + length] for file, at, length in shard.extents))
        return model

    @property
    def manifest(self) -> manifest.Manifest:
        """For those who know that it is known."""
        assert self.known is not None
        return self.known

    def add(self, index: int, data: bytes) -> None:
        """A shard whose chunks were verified."""
        self._hashes[index] = manifest.hash_list(data)
        self._shards[index] = data

    def has(self, index: int) -> bool:
        return index in self._shards

    def shard(self, index: int) -> bytes:
        return self._shards[index]

    def hashes(self, index: int) -> list[bytes]:
        """None of them when the shard is not here."""
        return self._hashes.get(index, [])

    def chunk(self, index: int, chunk: int) -> bytes:
        return self._shards[index][manifest.CHUNK * chunk : manifest.CHUNK * (chunk + 1)]

    @property
    def bits(self) -> bytes:
        """What `bitfield` says."""
        return pack_bits([self.has(index) for index in range(len(self.manifest.shards))])


def _files(folder: Path, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            continue
        path = prefix + normalize("NFC", entry.name)
        if entry.is_dir(follow_symlinks=False):
            found += _files(Path(entry.path), path + "/")
        elif entry.is_file(follow_symlinks=False):
            found.append((path, Path(entry.path).read_bytes()))
        else:
            raise ValueError(f"{entry.path} is neither a regular file nor a folder")
    return found
