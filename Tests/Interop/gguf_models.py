"""Publishes GGUF models a second time, from docs/protocol.md alone, and prints what came out.

    gguf_models.py FOLDER...

Each folder holds the files of one model; a folder with one file is published as that file. One line of JSON for each:
{"id": manifest ID, "experts": {"<layer>.<index>": SHA-256 of the expert's bytes}}. The package gguf reads the headers and
says where tensors lie; nothing here knows of Shoal's sources.
"""

import hashlib
import json
import math
import os
import re
import sys

from gguf import GGUFReader
from gguf.constants import GGML_QUANT_SIZES, LlamaFileType

CHUNK, DENSE, LARGEST = 131_072, 16_777_216, 67_108_864
STACKED = re.compile(r"blk\.(0|[1-9]\d*)\.ffn_(?:gate|up|down|gate_up)_exps\.(?:weight|bias|scale)")
SINGLE = re.compile(r"blk\.(0|[1-9]\d*)\.ffn_(?:gate|up|down)\.(0|[1-9]\d*)\.weight")


def value(reader, key):
    field = reader.get_field(key)
    return None if field is None else field.contents()


def regions(reader, size):
    """(kind or (layer, index), length), in the order of the file."""
    tensors = sorted(reader.tensors, key=lambda tensor: tensor.data_offset)
    starts = [int(tensor.data_offset) for tensor in tensors] + [size]
    found = [("header", starts[0])]
    for tensor, start, end in zip(tensors, starts, starts[1:]):
        stacked, single = STACKED.fullmatch(tensor.name), SINGLE.fullmatch(tensor.name)
        if stacked:
            count = int(tensor.shape[-1])
            slice_ = int(tensor.n_bytes) // count
            assert slice_ * count == tensor.n_bytes
            layer = int(stacked.group(1))
            found += [((layer, index), slice_) for index in range(count - 1)]
            found.append(((layer, count - 1), end - start - slice_ * (count - 1)))
        elif single:
            found.append(((int(single.group(1)), int(single.group(2))), end - start))
        else:
            found.append(("dense", end - start))
    return found


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


def description(readers):
    first, said = readers[0], {}
    architecture = value(first, "general.architecture")
    if architecture:
        said["architecture"] = architecture
        if value(first, f"{architecture}.context_length"):
            said["contextLength"] = int(value(first, f"{architecture}.context_length"))
    tensors = [tensor for reader in readers for tensor in reader.tensors]
    said["parameters"] = sum(math.prod(int(length) for length in tensor.shape) for tensor in tensors)
    number = value(first, "general.file_type")
    if number is not None:
        said["quantization"] = LlamaFileType(number).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    else:
        sizes = {}
        for tensor in tensors:
            sizes[tensor.tensor_type] = sizes.get(tensor.tensor_type, 0) + int(tensor.n_bytes)
        said["quantization"] = min(sizes, key=lambda kind: (-sizes[kind], kind.value)).name
    return said


def publish(folder):
    names = sorted(os.listdir(folder))
    contents = [open(os.path.join(folder, name), "rb").read() for name in names]
    readers = [GGUFReader(os.path.join(folder, name)) for name in names]
    cut = [regions(reader, len(content)) for reader, content in zip(readers, contents)]

    shards = []
    for kind, keeps_whole in (("header", False), ("dense", True)):
        for file in range(len(names)):
            cutter = Cutter(kind, DENSE, keeps_whole)
            for place in places(cut, kind):
                if place[0] == file:
                    cutter.add(*place)
            shards += cutter.finish()
    experts = sorted({content for found in cut for content, _ in found if isinstance(content, tuple)})
    registry, bytes_ = {}, {}
    for expert in experts:
        cutter, name = Cutter("expert", LARGEST, False), f"{expert[0]}.{expert[1]}"
        found = list(places(cut, expert))
        for place in found:
            cutter.add(*place)
        bytes_[name] = hashlib.sha256(b"".join(contents[f][o:o + n] for f, o, n in found)).hexdigest()
        made = cutter.finish()
        registry[name] = [[len(shards) + index, 0, shard["size"]] for index, shard in enumerate(made)]
        shards += made
    for shard in shards:
        shard["root"] = root(b"".join(contents[f][o:o + n] for f, o, n in shard["extents"])).hex()

    paths = ["model.gguf"] if len(names) == 1 else names
    manifest = {
        "chunkSize": CHUNK, "format": "gguf", "layout": 1, "shoal": 1, "shards": shards,
        "files": [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for path, content in zip(paths, contents)
        ],
        "model": description(readers),
    }
    if experts:
        used = value(readers[0], f"{value(readers[0], 'general.architecture')}.expert_used_count")
        manifest["experts"] = {
            "layers": 1 + max(layer for layer, _ in experts), "map": registry,
            "perLayer": 1 + max(index for _, index in experts),
            "used": int(max(used) if isinstance(used, list) else used),
        }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {"id": hashlib.sha256(text.encode()).hexdigest(), "experts": bytes_}


if sys.argv[1:] == ["--types"]:
    print(json.dumps({str(kind.value): [kind.name, *size] for kind, size in GGML_QUANT_SIZES.items()}))
else:
    for folder in sys.argv[1:]:
        print(json.dumps(publish(folder)))
