"""Layout 1 from docs/protocol.md alone: from the regions of files to the manifest's ID. Nothing here knows of Shoal's sources."""

import hashlib
import json

CHUNK, DENSE, LARGEST = 131_072, 16_777_216, 67_108_864


class Cutter:
    def __init__(self, kind, limit, keeps_whole):
        self.kind, self.limit, self.keeps_whole = kind, limit, keeps_whole
        self.shards, self.extents, self.size = [], [], 0

    def add(self, file, offset, length):
        if self.keeps_whole and self.size + length > self.limit:
            self.end()
        while length:
            if self.size == self.limit:
                self.end()
            part = min(length, self.limit - self.size)
            last = self.extents[-1] if self.extents else None
            if last and last[0] == file and last[1] + last[2] == offset:
                last[2] += part
            else:
                self.extents.append([file, offset, part])
            self.size, offset, length = self.size + part, offset + part, length - part

    def end(self):
        if self.size:
            self.shards.append({"extents": self.extents, "kind": self.kind, "size": self.size})
        self.extents, self.size = [], 0

    def finish(self):
        self.end()
        return self.shards


def places(cut, wanted):
    """(file, offset, length) of the regions that are `wanted`, by file."""
    for file, found in enumerate(cut):
        offset = 0
        for content, length in found:
            if content == wanted:
                yield file, offset, length
            offset += length


def root(data):
    digests = [hashlib.sha256(data[at:at + CHUNK]).digest() for at in range(0, len(data), CHUNK)]
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()


def shards(cut):
    """The shards of files, given as the regions of each, and the registry: slices of each expert by its name.

    A region is (kind or (layer, index), length).
    """
    found, registry = [], {}
    for kind, keeps_whole in (("header", False), ("dense", True)):
        for file in range(len(cut)):
            cutter = Cutter(kind, DENSE, keeps_whole)
            for place in places(cut, kind):
                if place[0] == file:
                    cutter.add(*place)
            found += cutter.finish()
    for expert in sorted({content for regions in cut for content, _ in regions if isinstance(content, tuple)}):
        cutter = Cutter("expert", LARGEST, False)
        for place in places(cut, expert):
            cutter.add(*place)
        made = cutter.finish()
        registry[f"{expert[0]}.{expert[1]}"] = [
            [len(found) + index, 0, shard["size"]] for index, shard in enumerate(made)
        ]
        found += made
    return found, registry


def manifest(format, files, used, model):
    """The manifest's bytes, and the SHA-256 of each expert's bytes, for files as (path, content, regions), in the order of paths."""
    contents = [content for _, content, _ in files]
    made, registry = shards([regions for _, _, regions in files])
    read = [b"".join(contents[f][o:o + n] for f, o, n in shard["extents"]) for shard in made]
    for shard, data in zip(made, read):
        shard["root"] = root(data).hex()
    value = {
        "chunkSize": CHUNK, "format": format, "layout": 1, "shoal": 1, "shards": made,
        "files": [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for path, content, _ in files
        ],
    }
    if model:
        value["model"] = model
    if registry:
        names = [[int(number) for number in name.split(".")] for name in registry]
        value["experts"] = {
            "layers": 1 + max(layer for layer, _ in names), "map": registry,
            "perLayer": 1 + max(index for _, index in names), "used": int(used),
        }
    digests = {
        name: hashlib.sha256(b"".join(read[shard] for shard, _, _ in slices)).hexdigest()
        for name, slices in registry.items()
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(), digests


def publish(format, files, used, model):
    """The manifest ID and the SHA-256 of each expert's bytes."""
    text, digests = manifest(format, files, used, model)
    return {"id": hashlib.sha256(text).hexdigest(), "experts": digests}
