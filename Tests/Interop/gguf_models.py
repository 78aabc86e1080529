"""Publishes GGUF models a second time, from docs/protocol.md alone, and prints what came out.

    gguf_models.py FOLDER...

Each folder holds the files of one model; a folder with one file is published as that file. One line of JSON for each:
{"id": manifest ID, "experts": {"<layer>.<index>": SHA-256 of the expert's bytes}}. The package gguf reads the headers and
says where tensors lie; nothing here knows of Shoal's sources.
"""

import json
import math
import os
import re
import sys

import layout_one
from gguf import GGUFReader
from gguf.constants import GGML_QUANT_SIZES, LlamaFileType

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
    used = value(readers[0], f"{value(readers[0], 'general.architecture')}.expert_used_count")
    used = max(used) if isinstance(used, list) else used
    paths = ["model.gguf"] if len(names) == 1 else names
    return layout_one.publish("gguf", list(zip(paths, contents, cut)), used, description(readers))


if sys.argv[1:] == ["--types"]:
    print(json.dumps({str(kind.value): [kind.name, *size] for kind, size in GGML_QUANT_SIZES.items()}))
else:
    for folder in sys.argv[1:]:
        print(json.dumps(publish(folder)))
