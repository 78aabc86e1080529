"""Links, section of that name: what is needed to join a swarm."""

import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote, unquote_to_bytes

LARGEST = 16_384
MOST = {"xt": 1, "dn": 1, "tr": 32, "ws": 32, "xs": 32, "k": 1, "sig": 8}
SHA256_URN = re.compile(r"urn:sha256:([0-9a-f]{64})", re.IGNORECASE | re.ASCII)
HEX = re.compile(r"[0-9a-fA-F]*")


class BadLink(ValueError):
    """A link that must be refused; `parameter` is empty when it is wrong as a whole."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"the link is wrong in {parameter or 'its form'}")
        self.parameter = parameter


@dataclass
class Link:
    """What a link says."""

    manifest_id: bytes
    name: str | None = None
    trackers: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    swarm_key: bytes | None = None
    signatures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The canonical spelling."""
        pairs = [("dn", self.name)] if self.name else []
        pairs += [("tr", url) for url in self.trackers] + [("ws", url) for url in self.origins]
        pairs += [("xs", url) for url in self.sources] + ([("k", self.swarm_key.hex())] if self.swarm_key else [])
        pairs += [("sig", signature) for signature in self.signatures]
        rest = "".join(f"&{name}={quote(value, safe='')}" for name, value in pairs)
        return f"magnet:?xt=urn:sha256:{self.manifest_id.hex()}{rest}"


def _refuse(parameter: str) -> NoReturn:
    raise BadLink(parameter)


def _decoded(name: str, raw: str) -> str:
    if re.search(r"%(?![0-9a-fA-F]{2})", raw):
        _refuse(name)
    try:
        value = unquote_to_bytes(raw.replace("+", " ") if name == "dn" else raw).decode()
    except UnicodeDecodeError:
        _refuse(name)
    return _refuse(name) if any(c < " " or c == "\x7f" for c in value) else value


def read(text: str) -> Link:
    """Refuses what the section says, naming the parameter."""
    if len(text.encode()) > LARGEST or not text.lower().startswith("magnet:?"):
        _refuse("")
    values: dict[str, list[str]] = {name: [] for name in MOST}
    for piece in text[len("magnet:?") :].split("&"):
        name, _, raw = piece.partition("=")
        # lower() alone would take the Kelvin sign for a k.
        if not name.isascii() or (name := name.lower()) not in MOST:
            continue
        value = _decoded(name, raw)
        if name in ("k", "sig") and (len(value) != {"k": 64, "sig": 192}[name] or not HEX.fullmatch(value)):
            _refuse(name)
        value = value.lower() if name in ("k", "sig") else value
        is_empty = name in ("dn", "tr", "ws", "xs") and not value
        if is_empty or (name not in ("xt", "dn", "k") and value in values[name]):
            continue
        values[name].append(value)
        if len(values[name]) > MOST[name]:
            _refuse(name)
    found = SHA256_URN.fullmatch(values["xt"][0]) if values["xt"] else None
    if not found:
        _refuse("xt")
    return Link(
        bytes.fromhex(found[1]), values["dn"][0] if values["dn"] else None, values["tr"], values["ws"], values["xs"],
        bytes.fromhex(values["k"][0]) if values["k"] else None, values["sig"],
    )
