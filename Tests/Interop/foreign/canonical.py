"""Canonical JSON, section of that name: every document has exactly one spelling."""

import json
from typing import NoReturn

LARGEST_INTEGER = 2**53 - 1
DEEPEST = 16
SHORT_ESCAPES = {ord(short): ord(meant) for short, meant in zip('"\\btnfr', '"\\\b\t\n\f\r')}
LONG_ESCAPES = {b"%04x" % code: code for code in range(0x20) if chr(code) not in "\b\t\n\f\r"}


class NotCanonical(ValueError):
    """Not a canonical document; `offset` is the position of the byte where it went wrong."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"not canonical JSON at byte {offset}")
        self.offset = offset


def read(text: bytes) -> object:
    """The value that a canonical document says."""
    reader = _Reader(text)
    value = reader.value(0)
    if reader.at < len(text):
        reader.refuse()
    return value


def write(value: object) -> bytes:
    """The canonical document of objects whose keys are ASCII, lists, strings, and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class _Reader:
    def __init__(self, text: bytes) -> None:
        self.text, self.at = text, 0

    def refuse(self, offset: int | None = None) -> NoReturn:
        raise NotCanonical(self.at if offset is None else offset)

    @property
    def next(self) -> bytes:
        return self.text[self.at : self.at + 1]

    def expect(self, byte: bytes) -> None:
        if self.next != byte:
            self.refuse()
        self.at += 1

    def value(self, depth: int) -> object:
        match self.next:
            case b"{" | b"[" if depth == DEEPEST:
                self.refuse()
            case b"{":
                return self.members(depth)
            case b"[":
                return self.array(depth)
            case b'"':
                return self.string()
            case byte if byte == b"-" or byte.isdigit():
                return self.integer()
            case _:
                self.refuse()

    def members(self, depth: int) -> dict[str, object]:
        self.expect(b"{")
        found: dict[str, object] = {}
        last: bytes | None = None
        while self.next != b"}" or found:
            start = self.at
            key = self.string()
            order = key.encode("utf-16-be")
            if last is not None and order <= last:
                self.refuse(start)
            last = order
            self.expect(b":")
            found[key] = self.value(depth + 1)
            if self.next == b"}":
                break
            self.expect(b",")
        self.expect(b"}")
        return found

    def array(self, depth: int) -> list[object]:
        self.expect(b"[")
        items: list[object] = []
        while self.next != b"]" or items:
            items.append(self.value(depth + 1))
            if self.next == b"]":
                break
            self.expect(b",")
        self.expect(b"]")
        return items

    def integer(self) -> int:
        start = self.at
        if self.next == b"-":
            self.at += 1
        digits = self.at
        while self.next.isdigit():
            self.at += 1
        if self.at == digits:
            self.refuse()
        written = self.text[start : self.at]
        # Length first: what a stranger sends must not cost the conversion of a million digits.
        if len(written) > 17 or abs(int(written)) > LARGEST_INTEGER or b"%d" % int(written) != written:
            self.refuse(start)
        return int(written)

    def string(self) -> str:
        start = self.at
        self.expect(b'"')
        content, escaped = bytearray(), self.at
        while self.next != b'"':
            if self.next == b"\\":
                content += self.escape()
            elif not self.next or self.next < b" ":
                self.refuse()
            else:
                content += self.next
                self.at += 1
        try:
            # The bytes as they stand: an escape inside a character does not make it whole.
            self.text[escaped : self.at].decode()
        except UnicodeDecodeError:
            self.refuse(start)
        self.at += 1
        return content.decode()

    def escape(self) -> bytes:
        start = self.at
        kind = self.text[start + 1 : start + 2]
        if kind and kind[0] in SHORT_ESCAPES:
            self.at += 2
            return bytes([SHORT_ESCAPES[kind[0]]])
        code = LONG_ESCAPES.get(self.text[start + 2 : start + 6]) if kind == b"u" else None
        if code is None:
            self.refuse(start if kind else start + 1)
        self.at += 6
        return bytes([code])
