"""The C interface as data: numbers, structs and prototypes of include/clformer/*.h.

tests/test_declarations.py compares all of it with the headers by means of a C compiler.
"""

import ctypes
from typing import Any, Dict

MAX_RANK = 8

STATUS = {
    "CLF_SUCCESS": 0,
    "CLF_ERR_PARAM_NULLPTR": 161001,
    "CLF_ERR_PARAM_INVALID": 161002,
    "CLF_ERR_TILING": 561002,
    "CLF_ERR_OUT_OF_MEMORY": 200000,
    "CLF_ERR_UNSUPPORTED": 200001,
    "CLF_ERR_NO_DEVICE": 200002,
    "CLF_ERR_RUNTIME": 361001,
    "CLF_ERR_BUILD": 561003,
    "CLF_ERR_INTERNAL": 561000,
}

# Name in Python: (CLF_DTYPE_..., bytes per element). int4 is packed, two per byte.
DTYPES = {
    "fp32": (0, 4),
    "fp16": (1, 2),
    "int8": (2, 1),
    "int32": (3, 4),
    "uint8": (4, 1),
    "int64": (9, 8),
    "uint64": (10, 8),
    "bool": (12, 1),
    "bf16": (27, 2),
    "int4": (29, 0),
}

VARIANTS = {"auto": 0, "portable": 1, "cpu": 2}

FLOYD_METHODS = {"auto": 0, "fused": 1, "slab": 2}

# clf_slot numbers these from 1 in this order.
SLOT_NAMES = (
    "x mask y grad_output grad_x query key value pse drop_mask atten_mask attention_out softmax_max "
    "softmax_sum weight1 weight2 bias1 bias2 scale offset deq_scale1 deq_scale2 antiquant_scale1 "
    "antiquant_scale2 antiquant_offset1 antiquant_offset2 expert_tokens key1 value1 key2 value2 "
    "attention_in grad_query grad_key1 grad_value1 grad_key2 grad_value2 grad_key grad_value grad_pse"
).split()
SLOTS = {name: number for number, name in enumerate(SLOT_NAMES, 1)}

# Slots that are not named like the field of the arguments.
SLOT_OF_FIELD = {"expert_tokens_tensor": "expert_tokens"}


class Tensor(ctypes.Structure):
    """clf_tensor."""

    _fields_ = [
        ("buffer", ctypes.c_void_p),
        ("offset", ctypes.c_size_t),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * MAX_RANK),
        ("strides", ctypes.c_int64 * MAX_RANK),
    ]


_TENSOR = ctypes.POINTER(Tensor)
_NUMBERS = ctypes.POINTER(ctypes.c_int64)
_KINDS = {
    "tensor": _TENSOR,
    "double": ctypes.c_double,
    "int": ctypes.c_int64,
    "uint": ctypes.c_uint64,
    "size": ctypes.c_size_t,
    "bool": ctypes.c_bool,
    "text": ctypes.c_char_p,
    "numbers": _NUMBERS,
    "enum": ctypes.c_int,
}


class Arguments(ctypes.Structure):
    """Base of the clf_..._args structs. KIND: what each field is; DEFAULTS: those that are not 0."""

    KIND: Dict[str, str] = {}
    DEFAULTS: Dict[str, Any] = {}

    @classmethod
    def begin(cls):
        """What the C macro of the struct gives."""
        return cls(struct_size=ctypes.sizeof(cls), **cls.DEFAULTS)


def _arguments(name, fields, **defaults):
    kinds = {}
    for line in fields.strip().splitlines():
        kind, *names = line.split()
        kinds.update((field, kind) for field in names)
    layout = [("struct_size", ctypes.c_size_t)]
    layout += [(field, _KINDS[kind]) for field, kind in kinds.items()]
    members = {"_fields_": layout, "KIND": kinds, "DEFAULTS": defaults, "__doc__": f"{name}."}
    return type(name, (Arguments,), members)


ALL_TOKENS = 2147483647

ScaledMaskedSoftmaxArgs = _arguments(
    "clf_scaled_masked_softmax_args",
    """
    tensor x mask y
    double scale
    bool fixed_triu_mask
    enum variant
    """,
    scale=1.0,
)

ScaledMaskedSoftmaxGradArgs = _arguments(
    "clf_scaled_masked_softmax_grad_args",
    """
    tensor grad_output y mask grad_x
    double scale
    bool fixed_triu_mask
    enum variant
    """,
    scale=1.0,
)

_ATTENTION_ATTRIBUTES = """
    text input_layout
    int head_num
    double scale keep_prob
    int pre_tokens next_tokens inner_precise sparse_mode pse_type q_start_idx kv_start_idx
    numbers prefix
    size num_prefix
    numbers actual_seq_qlen
    size num_actual_seq_qlen
    numbers actual_seq_kvlen
    size num_actual_seq_kvlen
    text softmax_layout
    bool generate_dropout
    uint seed offset
    enum variant
"""
_ATTENTION_DEFAULTS = {
    "scale": 1.0,
    "keep_prob": 1.0,
    "pre_tokens": ALL_TOKENS,
    "next_tokens": ALL_TOKENS,
    "pse_type": 1,
}

FlashAttentionArgs = _arguments(
    "clf_flash_attention_args",
    """
    tensor query key value pse drop_mask padding_mask atten_mask
    tensor attention_out softmax_max softmax_sum
    """.rstrip()
    + _ATTENTION_ATTRIBUTES,
    **_ATTENTION_DEFAULTS,
)

FlashAttentionGradArgs = _arguments(
    "clf_flash_attention_grad_args",
    """
    tensor query key value pse drop_mask padding_mask atten_mask grad_output
    tensor attention_in softmax_max softmax_sum grad_query grad_key grad_value grad_pse
    """.rstrip()
    + _ATTENTION_ATTRIBUTES,
    **_ATTENTION_DEFAULTS,
)

DropoutMaskArgs = _arguments(
    "clf_dropout_mask_args",
    """
    tensor mask
    int num_elements
    double drop_probability
    enum probability_dtype
    uint seed offset
    """,
)

FfnArgs = _arguments(
    "clf_ffn_args",
    """
    tensor x weight1 weight2 bias1 bias2 scale offset deq_scale1 deq_scale2
    tensor antiquant_scale1 antiquant_scale2 antiquant_offset1 antiquant_offset2 y
    text activation
    numbers expert_tokens
    size num_expert_tokens
    tensor expert_tokens_tensor
    bool tokens_index_flag
    int inner_precise
    enum variant
    """,
)

FloydAttentionArgs = _arguments(
    "clf_floyd_attention_args",
    """
    tensor query key1 value1 key2 value2 atten_mask
    double scale_value
    tensor softmax_max softmax_sum attention_out
    size workspace_limit
    enum method variant
    """,
    scale_value=1.0,
)

FloydAttentionGradArgs = _arguments(
    "clf_floyd_attention_grad_args",
    """
    tensor query key1 value1 key2 value2 grad_output atten_mask softmax_max softmax_sum attention_in
    double scale_value
    tensor grad_query grad_key1 grad_value1 grad_key2 grad_value2
    size workspace_limit
    enum method variant
    """,
    scale_value=1.0,
)

# Operator's name (that of its function without clf_ and _plan): its arguments.
OPERATORS = {
    arguments.__name__[len("clf_"):-len("_args")]: arguments
    for arguments in (
        ScaledMaskedSoftmaxArgs,
        ScaledMaskedSoftmaxGradArgs,
        FlashAttentionArgs,
        FlashAttentionGradArgs,
        DropoutMaskArgs,
        FfnArgs,
        FloydAttentionArgs,
        FloydAttentionGradArgs,
    )
}

_HANDLE = ctypes.c_void_p
_HANDLE_OUT = ctypes.POINTER(ctypes.c_void_p)
_SIZE_OUT = ctypes.POINTER(ctypes.c_size_t)

# Function: (result, arguments).
FUNCTIONS = {
    "clf_version": (ctypes.c_char_p, []),
    "clf_build_info": (ctypes.c_char_p, []),
    "clf_status_name": (ctypes.c_char_p, [ctypes.c_int]),
    "clf_last_error": (ctypes.c_char_p, []),
    "clf_device_open": (ctypes.c_int, [ctypes.c_char_p, _HANDLE_OUT]),
    "clf_device_destroy": (None, [_HANDLE]),
    "clf_device_context": (_HANDLE, [_HANDLE]),
    "clf_device_id": (_HANDLE, [_HANDLE]),
    "clf_device_describe": (ctypes.c_int, [_HANDLE, ctypes.c_char_p, _SIZE_OUT]),
    "clf_device_list": (ctypes.c_int, [ctypes.c_char_p, _SIZE_OUT]),
    "clf_plan_workspace_size": (ctypes.c_size_t, [_HANDLE]),
    "clf_plan_enqueue": (
        ctypes.c_int,
        [_HANDLE, _HANDLE, _HANDLE, ctypes.c_uint32, _HANDLE_OUT, _HANDLE_OUT],
    ),
    "clf_plan_bind": (ctypes.c_int, [_HANDLE, ctypes.c_int, _HANDLE, ctypes.c_size_t]),
    "clf_plan_describe": (ctypes.c_int, [_HANDLE, ctypes.c_char_p, _SIZE_OUT]),
    "clf_plan_destroy": (None, [_HANDLE]),
    "clf_flash_attention_num_elements": (
        ctypes.c_int,
        [ctypes.POINTER(FlashAttentionArgs), ctypes.POINTER(ctypes.c_int64)],
    ),
}
FUNCTIONS.update(
    (f"clf_{name}_plan", (ctypes.c_int, [_HANDLE, ctypes.POINTER(arguments), _HANDLE_OUT]))
    for name, arguments in OPERATORS.items()
)
