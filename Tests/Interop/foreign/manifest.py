"""Manifests: what a reader checks, and where a shard's bytes lie. Sections "Manifest" and "Hash lists and roots"."""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn

from . import canonical

CHUNK = 131_072
LARGEST_MANIFEST = 33_554_432
LARGEST_SHARD = 67_108_864
LARGEST_TOTAL = 8 * 2**40
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
EXPERT = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


class BadManifest(ValueError):
    """A manifest that must be refused; `field` is empty when it is wrong as a whole."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the manifest is wrong at {field or 'no field'}")
        self.field = field


@dataclass(frozen=True)
class Shard:
    """A unit of caching: `size` bytes whose hash list `root` commits to, at (file, offset, length) in the files."""

    kind: str
    size: int
    root: bytes
    extents: list[tuple[int, int, int]]

    @property
    def chunks(self) -> int:
        return -(-self.size // CHUNK)

    def chunk_size(self, chunk: int) -> int:
        return min(CHUNK, self.size - CHUNK * chunk)

    def accepts(self, digests: list[bytes]) -> bool:
        """Whether this is its hash list."""
        if len(digests) != self.chunks:
            return False
        return (digests[0] if self.chunks == 1 else sha256(b"".join(digests)).digest()) == self.root


@dataclass(frozen=True)
class Manifest:
    """A manifest that has passed every check."""

    text: bytes
    paths: list[str]
    sizes: list[int]
    shards: list[Shard]

    @property
    def id(self) -> bytes:
        return sha256(self.text).digest()


def hash_list(data: bytes) -> list[bytes]:
    """The SHA-256 of each chunk of a shard's bytes."""
    return [sha256(data[at : at + CHUNK]).digest() for at in range(0, len(data), CHUNK)]


def read(text: bytes) -> Manifest:
    """Refuses what section "What a reader checks" says, naming the field."""
    try:
        value = canonical.read(text) if len(text) <= LARGEST_MANIFEST else None
    except canonical.NotCanonical as error:
        raise BadManifest("") from error
    if not isinstance(value, dict):
        raise BadManifest("")
    for key, meant in (("shoal", 1), ("layout", 1), ("chunkSize", CHUNK)):
        if value.get(key) != meant:
            raise BadManifest(key)
    _keys(value, "", {"chunkSize", "files", "format", "layout", "shards", "shoal"}, {"experts", "model"})
    if value["format"] not in ("files", "gguf", "safetensors", "rdrr"):
        raise BadManifest("format")
    paths, sizes = _files(_list(value["files"], "files", 65_536))
    shards = [_shard(item, f"shards[{at}]", sizes) for at, item in enumerate(_list(value["shards"], "shards", 131_072))]
    _check_paths(paths)
    _check_cover(sizes, shards)
    named = _check_experts(value["experts"], shards) if "experts" in value else set()
    for at, shard in enumerate(shards):
        if shard.kind == "expert" and at not in named:
            raise BadManifest(f"shards[{at}].kind")
    if "model" in value:
        _check_model(value["model"])
    return Manifest(text, paths, sizes, shards)


def _refuse(field: str) -> NoReturn:
    raise BadManifest(field)


def _keys(value: Any, field: str, required: Set[str], optional: Set[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(field)
    dotted = field and field + "."
    for key in sorted(required - value.keys()) + sorted(value.keys() - required - optional):
        _refuse(dotted + key)
    return value


def _list(value: Any, field: str, most: int) -> list[Any]:
    return value if isinstance(value, list) and 1 <= len(value) <= most else _refuse(field)


def _integer(value: Any, field: str, least: int, most: int) -> int:
    return value if isinstance(value, int) and least <= value <= most else _refuse(field)


def _triple(value: Any, field: str) -> tuple[int, int, int]:
    """[which, offset, length], of at least 1 byte."""
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(number, int) for number in value):
        _refuse(field)
    which, offset, length = value
    return (which, offset, length) if which >= 0 and offset >= 0 and length >= 1 else _refuse(field)


def _digest(value: Any, field: str) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) and HEX_DIGEST.fullmatch(value) else _refuse(field)


def _files(items: list[Any]) -> tuple[list[str], list[int]]:
    for at, item in enumerate(items):
        _keys(item, f"files[{at}]", {"path", "sha256", "size"})
        if not isinstance(item["path"], str):
            _refuse(f"files[{at}].path")
        _digest(item["sha256"], f"files[{at}].sha256")
        _integer(item["size"], f"files[{at}].size", 0, LARGEST_TOTAL)
    sizes = [item["size"] for item in items]
    _integer(sum(sizes), "files", 1, LARGEST_TOTAL)
    return [item["path"] for item in items], sizes


def _shard(value: Any, field: str, sizes: list[int]) -> Shard:
    _keys(value, field, {"extents", "kind", "root", "size"})
    if value["kind"] not in ("header", "dense", "expert"):
        _refuse(f"{field}.kind")
    root = _digest(value["root"], f"{field}.root")
    size = _integer(value["size"], f"{field}.size", 1, LARGEST_SHARD)
    if not isinstance(value["extents"], list):
        _refuse(f"{field}.extents")
    extents, total = [], 0
    for at, item in enumerate(value["extents"]):
        file, offset, length = _triple(item, f"{field}.extents[{at}]")
        total += length
        if file >= len(sizes) or offset + length > sizes[file] or total > size:
            _refuse(f"{field}.extents[{at}]")
        extents.append((file, offset, length))
    if total < size:
        _refuse(f"{field}.size")
    return Shard(value["kind"], size, root, extents)


def _lowered(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def _check_paths(paths: list[str]) -> None:
    """Section "Paths", what a reader must refuse."""
    spelling: dict[str, tuple[str, bool]] = {}  # of what is there in lower case: how it is written, whether a file
    last = b""
    for at, path in enumerate(paths):
        field, raw = f"files[{at}].path", path.encode()
        if not 1 <= len(raw) <= 1024 or raw <= last or any(c < " " or c in "\x7f\\" for c in path):
            _refuse(field)
        last, components = raw, path.split("/")
        if any(not c or c.startswith(".") or len(c.encode()) > 255 for c in components):
            _refuse(field)
        for end in range(1, len(components) + 1):
            name, is_file = "/".join(components[:end]), end == len(components)
            known = spelling.setdefault(_lowered(name), (name, is_file))
            # Two files of one path do not come here: paths ascend.
            if known != (name, is_file):
                _refuse(field)


def _check_cover(sizes: list[int], shards: list[Shard]) -> None:
    """The extents of all shards cover every byte of every file exactly once."""
    places = sorted(
        (file, offset, number, at, length)
        for number, shard in enumerate(shards)
        for at, (file, offset, length) in enumerate(shard.extents)
    )
    covered = [0] * len(sizes)
    holes: set[int] = set()
    for file, offset, number, at, length in places:
        if offset < covered[file]:
            _refuse(f"shards[{number}].extents[{at}]")
        if offset > covered[file]:
            holes.add(file)
        covered[file] = offset + length
    for file, size in enumerate(sizes):
        if file in holes or covered[file] != size:
            _refuse(f"files[{file}]")


def _check_experts(value: Any, shards: list[Shard]) -> set[int]:
    """The shards that some expert names."""
    _keys(value, "experts", {"layers", "map", "perLayer", "used"})
    layers = _integer(value["layers"], "experts.layers", 1, 65_536)
    each = _integer(value["perLayer"], "experts.perLayer", 1, 65_536)
    _integer(value["used"], "experts.used", 1, each)
    if not isinstance(value["map"], dict) or not value["map"]:
        _refuse("experts.map")
    named = set()
    for key, slices in value["map"].items():
        field = f"experts.map.{key}"
        found = EXPERT.fullmatch(key)
        if not found or len(key) > 11 or int(found[1]) >= layers or int(found[2]) >= each:
            _refuse(field)
        for at, item in enumerate(_list(slices, field, 2**53)):
            number, offset, length = _triple(item, f"{field}[{at}]")
            if number >= len(shards) or shards[number].kind != "expert" or offset + length > shards[number].size:
                _refuse(f"{field}[{at}]")
            named.add(number)
    return named


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value.encode()) <= 255 and not any(c < " " or c == "\x7f" for c in value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def _check_model(value: Any) -> None:
    checks: dict[str, Callable[[Any], bool]] = {
        "architecture": _is_short_text, "contextLength": _is_count, "parameters": _is_count,
        "quantization": _is_short_text,
    }
    if not _keys(value, "model", set(), set(checks)):
        _refuse("model")
    for key, item in value.items():
        if not checks[key](item):
            _refuse(f"model.{key}")
