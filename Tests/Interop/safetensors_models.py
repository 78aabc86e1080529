"""Publishes safetensors models a second time, from docs/protocol.md alone, and prints what came out.

    safetensors_models.py FOLDER...      one line of JSON for each: {"id", "experts"} as layout_one.publish returns
    safetensors_models.py --check FILE...    one line for each: whether the package reads the file

The package safetensors reads the files, numpy cuts tensors between experts; nothing here knows of Shoal's sources.
"""

import hashlib
import json
import os
import re
import sys

import layout_one
import numpy
from safetensors import SafetensorError, deserialize

LAYER = r"(?P<stack>(?:.*\.)?(?:layers|blocks|h|decoder_layer|layer|block))\.(?P<layer>0|[1-9]\d*)\."
NO_ATTENTION = r"(?!(?:.*\.)?(?:self_attn|self_attention|attn|attention)\.(?:.*\.)?experts\.)"
ONE = re.compile(LAYER + NO_ATTENTION + r"(?:[^.]+\.)*?experts\.(?P<index>0|[1-9]\d*)(?:\..+)?")
ROWS = re.compile(LAYER + NO_ATTENTION + r"(?:[^.]+\.)*?experts\.mlp(?:\..+)?")
ALL = re.compile(
    LAYER + r"(?:" + NO_ATTENTION + r"(?:[^.]+\.)*?experts\..+"
    r"|block_sparse_moe\.(?:input_linear|output_linear)(?:\..+)?|moe\.(?:linear|linear_v|linear_1)(?:\..+)?)"
)
FLOATING = {"F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F16", "BF16",
            "F32", "C64", "F64"}
COUNTS = ["num_experts", "num_local_experts", "n_routed_experts", "num_routed_experts", "moe_num_experts"]
USED = ["num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k", "experts_per_token",
        "top_k_experts", "num_selected_experts"]
CONTEXT = ["max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx"]
INNER = ["text_config", "llm_config", "language_config", "thinker_config", "ffn_config"]


def setting(config, names):
    for place in [config] + [config[name] for name in config if name in INNER]:
        for name in names:
            if name in place:
                return place[name]
    return None


class File:
    def __init__(self, path):
        self.content = open(path, "rb").read()
        # The package returns data, types and shapes; only the header says where they lie.
        self.start = 8 + int.from_bytes(self.content[:8], "little")
        header = json.loads(self.content[8:self.start])
        self.tensors = [
            (name, info["dtype"], info["shape"], bytes(info["data"])) for name, info in deserialize(self.content)
        ]
        self.tensors.sort(key=lambda tensor: header[tensor[0]]["data_offsets"])


def share(name, shape, data, counts):
    """(stack, layer, the bytes of each expert by index), or None for a tensor that every token needs."""
    if match := ONE.fullmatch(name):
        return match["stack"], int(match["layer"]), {int(match["index"]): data}
    if len(shape) < 2 or not (match := ROWS.fullmatch(name) or ALL.fullmatch(name)):
        return None
    for count in counts:
        if shape[0] % count == 0 if ROWS.fullmatch(name) else shape[0] == count:
            rows = numpy.frombuffer(data, numpy.uint8).reshape(count, -1)
            return match["stack"], int(match["layer"]), {index: row.tobytes() for index, row in enumerate(rows)}
    return None


def publish(folder):
    names = sorted(os.listdir(folder))
    config = json.load(open(os.path.join(folder, "config.json")))
    files = {name: File(os.path.join(folder, name)) for name in names if name.endswith(".safetensors")}
    counts = sorted({config[name] for name in COUNTS if name in config}) or [setting(config, COUNTS)]
    shares = {}
    for file in files.values():
        for name, _, shape, data in file.tensors:
            shares[name] = share(name, shape, data, counts)
    sizes = {}
    for found in filter(None, shares.values()):
        sizes[found[0]] = sizes.get(found[0], 0) + sum(map(len, found[2].values()))
    stack = min(sizes, key=lambda name: (-sizes[name], name), default=None)

    cut, digests = [], {}
    for name in names:
        content = open(os.path.join(folder, name), "rb").read()
        if name not in files:
            cut.append((name, content, [("header", len(content))]))
            continue
        regions = [("header", files[name].start)]
        for tensor, _, _, data in files[name].tensors:
            found = shares[tensor]
            if found and found[0] == stack:
                for index, part in found[2].items():
                    regions.append(((found[1], index), len(part)))
                    digests.setdefault(f"{found[1]}.{index}", hashlib.sha256()).update(part)
            elif data:
                regions.append(("dense", len(data)))
        cut.append((name, content, regions))
    published = layout_one.publish("safetensors", cut, setting(config, USED), description(config, files.values()))
    # The bytes of experts as numpy cut them, which must be those of the regions.
    assert published["experts"] == {name: digest.hexdigest() for name, digest in digests.items()}
    return published


def description(config, files):
    said, elements, sizes = {}, 0, {}
    if "model_type" in config or "architectures" in config:
        said["architecture"] = config.get("model_type") or config["architectures"][0]
    if context := setting(config, CONTEXT):
        said["contextLength"] = context
    for file in files:
        for _, dtype, shape, data in file.tensors:
            sizes[dtype] = sizes.get(dtype, 0) + len(data)
            elements += int(numpy.prod(shape)) if dtype in FLOATING else 0
    most = max(sizes, key=sizes.get)
    if most in FLOATING:
        said["parameters"], said["quantization"] = elements, most
    else:
        said["quantization"] = config.get("quantization_config", {}).get("quant_method", most)
    return said


def is_read(path):
    try:
        deserialize(open(path, "rb").read())
        return True
    except SafetensorError:
        return False


if sys.argv[1] == "--check":
    print("\n".join(json.dumps(is_read(path)) for path in sys.argv[2:]))
else:
    for folder in sys.argv[1:]:
        print(json.dumps(publish(folder)))
