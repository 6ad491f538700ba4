"""clformer.torch_npu: signatures, gradients against plain PyTorch, the operator documents' examples."""

import inspect
import math

import numpy
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import clformer  # noqa: E402
import clformer.torch_npu as torch_npu  # noqa: E402

TOKENS = 2147483647

# As the operator documents have them: name, or name=default; a bare * begins keywords.
SIGNATURES = {
    "npu_scaled_masked_softmax": "x mask scale=1.0 fixed_triu_mask=False",
    "npu_fusion_attention": """query key value head_num input_layout pse=None padding_mask=None
        atten_mask=None scale=1.0 keep_prob=1.0 pre_tockens=2147483647 next_tockens=2147483647
        inner_precise=0 prefix=None actual_seq_qlen=None actual_seq_kvlen=None sparse_mode=0
        gen_mask_parallel=True sync=False softmax_layout='' sink=None dropout_mask=None seed=0
        offset=0""",
    "npu_fusion_attention_grad": """query key value dy head_num input_layout * pse=None
        padding_mask=None atten_mask=None softmax_max=None softmax_sum=None softmax_in=None
        attention_in=None scale_value=1.0 keep_prob=1.0 pre_tockens=2147483647
        next_tockens=2147483647 inner_precise=0 seed=0 offset=0 numels=0 prefix=None
        actual_seq_qlen=None actual_seq_kvlen=None sparse_mode=0 gen_mask_parallel=True sync=False
        softmax_layout='' sink=None""",
    "npu_fusion_attention_v2": """query key value head_num input_layout * pse=None padding_mask=None
        atten_mask=None query_rope=None key_rope=None scale=1.0 keep_prob=1.0 pre_tokens=2147483647
        next_tokens=2147483647 inner_precise=0 prefix=None actual_seq_qlen=None
        actual_seq_kvlen=None sparse_mode=0 gen_mask_parallel=True sync=False pse_type=1
        q_start_idx=None kv_start_idx=None softmax_layout='' sink=None dropout_mask=None seed=0
        offset=0""",
    "npu_fusion_attention_grad_v2": """query key value dy head_num input_layout * pse=None
        padding_mask=None atten_mask=None softmax_max=None softmax_sum=None softmax_in=None
        attention_in=None query_rope=None key_rope=None scale_value=1.0 keep_prob=1.0
        pre_tokens=2147483647 next_tokens=2147483647 inner_precise=0 seed=0 offset=0 numels=0
        prefix=None actual_seq_qlen=None actual_seq_kvlen=None sparse_mode=0 gen_mask_parallel=True
        sync=False pse_type=1 q_start_idx=None kv_start_idx=None softmax_layout='' sink=None""",
    "npu_ffn": """x weight1 weight2 activation * expert_tokens=None expert_tokens_index=None
        bias1=None bias2=None scale=None offset=None deq_scale1=None deq_scale2=None
        antiquant_scale1=None antiquant_scale2=None antiquant_offset1=None antiquant_offset2=None
        inner_precise=None output_dtype=None""",
    "npu_fused_floyd_attention": """query_ik key_ij value_ij key_jk value_jk * atten_mask=None
        scale_value=1.0""",
    "npu_fused_floyd_attention_backward": """grad_output query_ik key_ij value_ij key_jk value_jk
        attention_out softmax_max softmax_sum * atten_mask=None scale_value=1.0""",
    "_npu_dropout_gen_mask": "self size p seed offset * parallel=True sync=None",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_is_the_documented_one(name):
    expected = SIGNATURES[name].split()
    found = []
    for parameter in inspect.signature(getattr(torch_npu, name)).parameters.values():
        if parameter.kind == parameter.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        found.append(parameter.name + default)
    assert found == expected


@pytest.mark.parametrize("name", SIGNATURES)
def test_docstring_names_results_and_errors(name):
    text = inspect.getdoc(getattr(torch_npu, name))
    assert "Returns" in text or "results" in text, name
    assert "Errors" in text or "errors" in text, name


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1234)


def normal(*shape, dtype=torch.float32, grad=True):
    return torch.randn(*shape).to(dtype).requires_grad_(grad)


def same_gradients(found, expected, inputs, tolerance):
    """Results and gradients of both, for one random gradient of the result."""
    assert torch.allclose(found.double(), expected.double(), atol=tolerance)
    grad = torch.randn(found.shape).to(found.dtype)
    ours = torch.autograd.grad(found, inputs, grad, retain_graph=True)
    theirs = torch.autograd.grad(expected, inputs, grad.to(expected.dtype))
    for a, b in zip(ours, theirs):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert torch.allclose(a.double(), b.double(), atol=tolerance, rtol=tolerance), \
            (a.double() - b.double()).abs().max()


def plain_attention(query, key, value, mask=None, scale=1.0, pse=0.0, keep=None):
    """BNSD, from plain PyTorch operations in double precision."""
    groups = query.shape[1] // key.shape[1]
    key, value = (tensor.repeat_interleave(groups, 1) for tensor in (key, value))
    logits = (query.double() @ key.double().transpose(-1, -2) + pse) * scale
    if mask is not None:
        logits = logits.masked_fill(mask.bool(), -math.inf)
    weights = torch.softmax(logits, -1)
    if keep is not None:
        weights = weights * keep
    return weights @ value.double()


# ---- ScaledMaskedSoftmax -------------------------------------------------------------------------

def test_softmax_replaces_the_documents_code():
    x = normal(2, 4, 32, 64)
    mask = torch.rand(2, 1, 32, 64) > 0.6
    found = torch_npu.npu_scaled_masked_softmax(x, mask, 0.3, False)
    expected = torch.nn.Softmax(dim=-1)((x * 0.3).masked_fill(mask, -math.inf))
    same_gradients(found, expected, [x], 1e-6)


def test_softmax_with_the_fixed_triangle():
    x = normal(1, 2, 32, 32)
    found = torch_npu.npu_scaled_masked_softmax(x, None, 2, True)
    mask = torch.triu(torch.ones(32, 32, dtype=torch.bool), diagonal=1)
    same_gradients(found, torch.softmax((2 * x).masked_fill(mask, -math.inf), -1), [x], 1e-6)


# ---- FlashAttention ------------------------------------------------------------------------------

def test_attention_has_seven_results_and_three_gradients():
    query, key, value = (normal(2, 4, 9, 16) for _ in range(3))
    results = torch_npu.npu_fusion_attention(query, key, value, 4, "BNSD", scale=0.25)
    assert len(results) == 7
    assert results[1].shape == results[2].shape == (2, 4, 9, 8)
    assert results[3].numel() == 0
    assert results[4:] == (0, 0, 2 * 4 * 9 * 9)
    assert not results[1].requires_grad
    same_gradients(results[0], plain_attention(query, key, value, scale=0.25), [query, key, value],
                   1e-5)


def test_attention_positional_arguments_are_in_the_documents_order():
    query, key, value = (normal(1, 2, 8, 16) for _ in range(3))
    pse = normal(1, 2, 8, 8)
    mask = torch.triu(torch.ones(8, 8, dtype=torch.bool), diagonal=1)
    found = torch_npu.npu_fusion_attention(query, key, value, 2, "BNSD", pse, None, mask, 0.5, 1.0,
                                           TOKENS, 0, 0, None, None, None, 0, True, False)[0]
    same_gradients(found, plain_attention(query, key, value, mask, 0.5, pse), [query, key, value, pse],
                   1e-5)


def test_attention_bias_that_is_summed():
    query, key, value = (normal(3, 2, 8, 16) for _ in range(3))
    pse = normal(1, 2, 8, 8)
    mask = torch.triu(torch.ones(8, 8, dtype=torch.bool), diagonal=1)
    found = torch_npu.npu_fusion_attention(query, key, value, 2, "BNSD", pse=pse, atten_mask=mask,
                                           scale=0.25)[0]
    same_gradients(found, plain_attention(query, key, value, mask, 0.25, pse), [pse, query], 1e-5)


def test_attention_of_fewer_key_heads_in_bfloat16():
    query = normal(1, 4, 16, 32, dtype=torch.bfloat16)
    key, value = (normal(1, 2, 24, 32, dtype=torch.bfloat16) for _ in range(2))
    found = torch_npu.npu_fusion_attention(query, key, value, 4, "bnsd", scale=0.2)[0]
    same_gradients(found, plain_attention(query, key, value, None, 0.2), [query, key, value], 5e-2)


def kept(seed, offset, numels, keep_prob, shape):
    bits = torch_npu._npu_dropout_gen_mask(torch.empty(0), [numels], 1 - keep_prob, seed, offset)
    flat = numpy.unpackbits(bits.numpy(), bitorder="little")[:numels]
    return torch.from_numpy(flat.reshape(shape).astype(numpy.float64)) / keep_prob


def test_attention_dropout_gradients_use_the_same_bits():
    query, key, value = (normal(1, 2, 7, 16) for _ in range(3))
    results = torch_npu.npu_fusion_attention(query, key, value, 2, "BNSD", scale=0.25, keep_prob=0.75)
    seed, offset, numels = results[4:]
    assert seed != 0 and numels == 2 * 7 * 7
    keep = kept(seed, offset, numels, 0.75, (1, 2, 7, 7))
    assert 0.3 < (keep > 0).double().mean() < 0.98
    same_gradients(results[0], plain_attention(query, key, value, None, 0.25, keep=keep),
                   [query, key, value], 1e-5)
    grad = torch.randn_like(results[0])
    expected = torch.autograd.grad(results[0], [query, key, value], grad)
    found = torch_npu.npu_fusion_attention_grad(
        query, key, value, grad, 2, "BNSD", softmax_max=results[1], softmax_sum=results[2],
        attention_in=results[0], scale_value=0.25, keep_prob=0.75, seed=seed, offset=offset,
        numels=numels)
    assert all(torch.equal(a, b) for a, b in zip(found, expected)) and found[3:] == (None, None)


def test_attention_dropout_follows_pytorchs_generator():
    query = normal(1, 2, 7, 16)

    def draw(**options):
        return torch_npu.npu_fusion_attention(query, query, query, 2, "BNSD", keep_prob=0.5, **options)

    torch.manual_seed(5)
    first, second = draw(), draw()
    assert first[4] != second[4]
    torch.manual_seed(5)
    again = draw()
    assert again[4:] == first[4:] and torch.equal(again[0], first[0])
    given = draw(seed=first[4], offset=first[5])
    assert given[4:] == first[4:] and torch.equal(given[0], first[0])
    mask = torch_npu._npu_dropout_gen_mask(query, [first[6]], 0.5, first[4], first[5])
    by_mask = draw(dropout_mask=mask, seed=3, offset=4)
    assert by_mask[4:6] == (3, 4) and torch.equal(by_mask[0], first[0])


def test_attention_dropout_survives_checkpointing():
    from torch.utils.checkpoint import checkpoint

    query = normal(1, 2, 7, 16)

    def layer(x):
        return torch_npu.npu_fusion_attention(x, x, x, 2, "BNSD", keep_prob=0.5)[0]

    torch.manual_seed(8)
    plain, = torch.autograd.grad(layer(query).square().sum(), query)
    torch.manual_seed(8)
    options = {"use_reentrant": False} if "use_reentrant" in str(inspect.signature(checkpoint)) else {}
    again, = torch.autograd.grad(checkpoint(layer, query, **options).square().sum(), query)
    assert torch.equal(plain, again)


def test_attention_gradient_function_equals_autograd():
    query, key, value = (normal(1, 2, 6, 16) for _ in range(3))
    pse = normal(1, 2, 6, 6)
    mask = torch.triu(torch.ones(6, 6, dtype=torch.uint8), diagonal=1)
    results = torch_npu.npu_fusion_attention(query, key, value, 2, "BNSD", pse=pse, atten_mask=mask,
                                             scale=0.3)
    grad = torch.randn_like(results[0])
    expected = torch.autograd.grad(results[0], [query, key, value, pse], grad)
    found = torch_npu.npu_fusion_attention_grad(
        query, key, value, grad, 2, "BNSD", pse=pse, atten_mask=mask, softmax_max=results[1],
        softmax_sum=results[2], softmax_in=results[3], attention_in=results[0], scale_value=0.3,
        numels=results[6])
    assert len(found) == 5 and found[4] is None
    for a, b in zip(found, expected):
        assert torch.equal(a, b) and not a.requires_grad


def test_attention_v2_biases():
    query, key, value = (normal(1, 2, 6, 16) for _ in range(3))
    pse = normal(1, 2, 6, 6)
    found = torch_npu.npu_fusion_attention_v2(query, key, value, 2, "BNSD", pse=pse, scale=0.5,
                                              pse_type=0)[0]
    same_gradients(found, plain_attention(query, key, value, None, 0.5, 2 * pse),
                   [query, key, value, pse], 1e-5)
    slopes = torch.tensor([0.25, 0.5])
    found = torch_npu.npu_fusion_attention_v2(query, key, value, 2, "BNSD", pse=slopes, scale=0.5,
                                              pse_type=2, q_start_idx=[3], kv_start_idx=(1,))[0]
    distance = (torch.arange(6)[None] + 1 - torch.arange(6)[:, None] - 3).abs()
    bias = -slopes[:, None, None] * distance * 2
    same_gradients(found, plain_attention(query, key, value, None, 0.5, bias), [query, key, value],
                   1e-5)


def test_attention_v2_rotary_parts():
    query, key, value = (normal(1, 2, 6, 16) for _ in range(3))
    query_rope, key_rope = (normal(1, 2, 6, 8) for _ in range(2))
    inputs = [query, key, value, query_rope, key_rope]
    results = torch_npu.npu_fusion_attention_v2(query, key, value, 2, "BNSD", scale=0.3,
                                                query_rope=query_rope, key_rope=key_rope)
    expected = plain_attention(torch.cat((query, query_rope), -1), torch.cat((key, key_rope), -1),
                               value, None, 0.3)
    same_gradients(results[0], expected, inputs, 1e-5)
    grad = torch.randn_like(results[0])
    by_autograd = torch.autograd.grad(results[0], inputs, grad)
    found = torch_npu.npu_fusion_attention_grad_v2(
        query, key, value, grad, 2, "BNSD", query_rope=query_rope, key_rope=key_rope,
        softmax_max=results[1], softmax_sum=results[2], attention_in=results[0], scale_value=0.3)
    assert len(found) == 7 and found[3] is None and found[6] is None
    for a, b in zip((*found[:3], *found[4:6]), by_autograd):
        assert torch.equal(a, b)


def test_attention_of_inputs_without_gradients():
    query = torch.randn(1, 2, 5, 16)
    assert not torch_npu.npu_fusion_attention(query, query, query, 2, "BNSD")[0].requires_grad
    key = normal(1, 2, 5, 16)
    out = torch_npu.npu_fusion_attention(query, key, query, 2, "BNSD")[0]
    out.sum().backward()
    assert key.grad.shape == key.shape and query.grad is None


def test_attention_twice_differentiated_is_refused():
    query = normal(1, 2, 5, 16)
    out = torch_npu.npu_fusion_attention(query, query, query, 2, "BNSD")[0]
    grad, = torch.autograd.grad(out.sum(), query, create_graph=True)
    with pytest.raises(RuntimeError):
        grad.sum().backward()


# The operator document's replacements of other libraries' calls.

def sdpa_inputs():
    return [normal(2, 4, 24, 16) for _ in range(3)]


def sdpa(query, key, value, attn_mask, is_causal):
    """PyTorch's function, or what it does where PyTorch is older than it."""
    if hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attn_mask, dropout_p=0.0, is_causal=is_causal)
    left_out = torch.ones(query.shape[2], key.shape[2]).triu(1) if is_causal else ~attn_mask
    return plain_attention(query, key, value, left_out, 1 / math.sqrt(query.shape[-1]))


def test_document_replacement_of_sdpa():
    query, key, value = sdpa_inputs()
    attention_mask = torch.rand(2, 1, 24, 24) > 0.3
    attention_mask[..., 0] = True
    expected = sdpa(query, key, value, attention_mask, is_causal=False)
    attn_mask_npu = torch.logical_not(attention_mask.bool())
    head_num = query.shape[1]
    res = torch_npu.npu_fusion_attention(
        query, key, value, head_num, input_layout="BNSD",
        pse=None,
        atten_mask=attn_mask_npu,
        scale=1.0 / math.sqrt(query.shape[-1]),
        pre_tockens=2147483647,
        next_tockens=2147483647,
        keep_prob=1,
        inner_precise=0,
    )[0]
    same_gradients(res, expected, [query, key, value], 1e-5)


def test_document_replacement_of_causal_sdpa():
    query, key, value = sdpa_inputs()
    expected = sdpa(query, key, value, None, is_causal=True)
    atten_mask = torch.triu(torch.ones([2048, 2048]), diagonal=1).bool()
    res = torch_npu.npu_fusion_attention(
        query, key, value, query.shape[1], input_layout="BNSD",
        pse=None,
        atten_mask=atten_mask,
        scale=1.0 / math.sqrt(query.shape[-1]),
        pre_tockens=2147483647,
        next_tockens=2147483647,
        keep_prob=1,
        inner_precise=0,
        sparse_mode=2,
    )[0]
    same_gradients(res, expected, [query, key, value], 1e-5)


def test_document_replacement_of_flash_attn():
    q, k, v = (normal(2, 24, 4, 16) for _ in range(3))
    head_num = q.shape[2]
    out = torch_npu.npu_fusion_attention(q, k, v, head_num, "BSND", keep_prob=1.0, scale=0.25)[0]
    expected = plain_attention(*(t.transpose(1, 2) for t in (q, k, v)), None, 0.25)
    same_gradients(out, expected.transpose(1, 2), [q, k, v], 1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_document_replacement_of_flash_attn_varlen(causal):
    lengths = [3, 6, 4]
    cu_seqlens_q = torch.tensor([0, 3, 9, 13])
    cu_seqlens_k = cu_seqlens_q
    q, k, v = (normal(13, 2, 16) for _ in range(3))
    atten_mask_npu = None
    if causal:
        atten_mask_npu = torch.from_numpy(numpy.triu(numpy.ones([6, 6]), k=1)).bool()
    output = torch_npu.npu_fusion_attention(
        q, k, v, q.shape[1],
        pse=None,
        padding_mask=None,
        atten_mask=atten_mask_npu,
        scale=1.0 / math.sqrt(q.shape[-1]),
        keep_prob=1,
        input_layout="TND",
        actual_seq_qlen=tuple(cu_seqlens_q[1:].cpu().numpy().tolist()),
        actual_seq_kvlen=tuple(cu_seqlens_k[1:].cpu().numpy().tolist()),
        pre_tockens=2147483647,
        next_tockens=0 if causal else 2147483647,
        inner_precise=0)[0]
    parts = []
    for qs, ks, vs in zip(*(t.split(lengths) for t in (q, k, v))):
        mask = torch.triu(torch.ones(len(qs), len(qs)), 1) if causal else None
        heads = [t.transpose(0, 1)[None] for t in (qs, ks, vs)]
        parts.append(plain_attention(*heads, mask, 0.25)[0].transpose(0, 1))
    same_gradients(output, torch.cat(parts), [q, k, v], 1e-5)


# ---- FFN -----------------------------------------------------------------------------------------

def test_ffn_of_the_document():
    x = torch.randn((1, 1280)).half()
    weight1 = (0.05 * torch.randn(1280, 1024)).half()
    weight2 = (0.05 * torch.randn(1024, 1280)).half()
    found = torch_npu.npu_ffn(x, weight1, weight2, "fastgelu", inner_precise=1)
    hidden = x.double() @ weight1.double()
    expected = (hidden * torch.sigmoid(1.702 * hidden)) @ weight2.double()
    assert found.dtype == torch.float16
    assert torch.allclose(found.double(), expected, atol=5e-3, rtol=5e-3)


def test_ffn_with_experts_by_counts_and_by_ends():
    x = torch.randn(9, 16).half()
    weight1, weight2 = torch.randn(3, 16, 32).half(), torch.randn(3, 32, 16).half()
    by_counts = torch_npu.npu_ffn(x, weight1, weight2, "fastgelu", expert_tokens=[4, 0, 5])
    by_ends = torch_npu.npu_ffn(x, weight1, weight2, "fastgelu", expert_tokens_index=[4, 4, 9])
    assert torch.equal(by_counts, by_ends)
    alone = torch_npu.npu_ffn(x[4:], weight1[2], weight2[2], "fastgelu")
    assert torch.allclose(by_counts[4:].float(), alone.float(), rtol=2e-3, atol=2e-2)


def test_ffn_refuses_what_it_cannot_do():
    x, weight = torch.randn(2, 16), torch.randn(16, 16)
    with pytest.raises(RuntimeError, match="expert_tokens and expert_tokens_index are both given"):
        torch_npu.npu_ffn(x, weight, weight, "relu", expert_tokens=[2], expert_tokens_index=[2])
    with pytest.raises(NotImplementedError, match="weight1 requires a gradient, which FFN does not have"):
        torch_npu.npu_ffn(x, weight.requires_grad_(), weight.detach(), "relu")
    with torch.no_grad():
        assert torch_npu.npu_ffn(x, weight, weight, "relu").shape == (2, 16)


# ---- FloydAttention ------------------------------------------------------------------------------

def test_floyd_attention_and_its_five_gradients():
    b, h, n, m, k, d = 1, 2, 3, 4, 5, 16
    shapes = [(b, h, n, m, d), (b, h, n, k, d), (b, h, n, k, d), (b, h, k, m, d), (b, h, k, m, d)]
    inputs = [normal(*shape) for shape in shapes]
    query, key1, value1, key2, value2 = inputs
    mask = torch.zeros(b, 1, n, 1, k, dtype=torch.bool)
    mask[..., 2] = True
    softmax_max, softmax_sum, out = torch_npu.npu_fused_floyd_attention(
        *inputs, atten_mask=mask, scale_value=0.3)
    scores = 0.3 * (torch.einsum("bhnmd,bhnkd->bhnmk", query, key1)
                    + torch.einsum("bhnmd,bhkmd->bhnmk", query, key2))
    scores = scores.masked_fill(mask, -math.inf)
    weights = torch.softmax(scores, -1)
    expected = (torch.einsum("bhnmk,bhnkd->bhnmd", weights, value1)
                + torch.einsum("bhnmk,bhkmd->bhnmd", weights, value2))
    assert torch.allclose(softmax_max[..., 0], scores.amax(-1))
    assert softmax_sum.shape == (b, h, n, m, 8) and not softmax_sum.requires_grad
    same_gradients(out, expected, inputs, 1e-5)
    grad = torch.randn_like(out)
    by_autograd = torch.autograd.grad(out, inputs, grad)
    found = torch_npu.npu_fused_floyd_attention_backward(
        grad, *inputs, out, softmax_max, softmax_sum, atten_mask=mask, scale_value=0.3)
    for a, b in zip(found, by_autograd):
        assert torch.equal(a, b)


# ---- Errors --------------------------------------------------------------------------------------

Q = torch.zeros(1, 2, 4, 16)

WRONG_CALLS = {
    "padding_mask": ({"padding_mask": Q}, 161002, "padding_mask is given, accepted: None"),
    "sink": ({"sink": torch.zeros(2)}, 161002, "sink is given, accepted: None"),
    "softmax_layout": ({"softmax_layout": "TND"}, 161002, "softmax_layout is 'TND' with input_layout"),
    "keep_prob": ({"keep_prob": 0.0}, 561002, "keep_prob is 0"),
    "sparse_mode": ({"sparse_mode": 9, "atten_mask": Q[0, 0, :, :4].bool()}, 561002, "sparse_mode is 9"),
    "atten_mask": ({"atten_mask": torch.zeros(3, 3).bool()}, 561002, "atten_mask has shape [3, 3]"),
    "prefix": ({"prefix": 4}, 161002, "prefix is 4, accepted: a sequence of int"),
}


@pytest.mark.parametrize("argument", WRONG_CALLS)
def test_errors_are_runtime_errors_with_a_status(argument):
    options, status, beginning = WRONG_CALLS[argument]
    with pytest.raises(RuntimeError) as caught:
        torch_npu.npu_fusion_attention(Q, Q, Q, 2, "BNSD", **options)
    assert isinstance(caught.value, clformer.Error) and caught.value.status == status
    assert caught.value.sentence.startswith(beginning), caught.value.sentence


def test_empty_tensors_stand_for_none():
    empty = torch.empty(0)
    found = torch_npu.npu_fusion_attention(Q, Q, Q, 2, "BNSD", pse=empty, padding_mask=empty,
                                           atten_mask=empty.bool())[0]
    assert torch.equal(found, torch_npu.npu_fusion_attention(Q, Q, Q, 2, "BNSD")[0])
