"""torch_npu's fused operators by clformer, for PyTorch tensors on the CPU.

    import clformer.torch_npu as torch_npu
    out = torch_npu.npu_fusion_attention(query, key, value, head_num, "BNSD", scale=0.125)[0]

Names, order and defaults of the arguments are torch_npu's; results have gradients where torch_npu's
have. install() makes scripts that say `import torch_npu` and "npu" run as they are, and so does
`python -m clformer.torch_npu script.py`.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as problem:
    raise ImportError(f"clformer.torch_npu needs PyTorch, which cannot be imported ({problem}); "
                      "install torch 1.13 or later") from problem

from clformer.torch_npu.npu_attention import (
    _npu_dropout_gen_mask,
    npu_fusion_attention,
    npu_fusion_attention_grad,
    npu_fusion_attention_grad_v2,
    npu_fusion_attention_v2,
)
from clformer.torch_npu.npu_operators import (
    npu_ffn,
    npu_fused_floyd_attention,
    npu_fused_floyd_attention_backward,
    npu_scaled_masked_softmax,
)
from clformer.torch_npu.npu_scripts import install, uninstall

__all__ = [
    "_npu_dropout_gen_mask", "install", "npu_ffn", "npu_fused_floyd_attention",
    "npu_fused_floyd_attention_backward", "npu_fusion_attention", "npu_fusion_attention_grad",
    "npu_fusion_attention_grad_v2", "npu_fusion_attention_v2", "npu_scaled_masked_softmax",
    "uninstall",
]
