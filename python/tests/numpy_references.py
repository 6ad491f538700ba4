"""The operators in double precision, from their formulas."""

import numpy


def softmax(x, mask=None, scale=1.0):
    z = scale * x.astype(float)
    kept = numpy.ones(x.shape, bool) if mask is None else ~numpy.broadcast_to(mask.astype(bool), x.shape)
    z = numpy.where(kept, z, -numpy.inf)
    largest = z.max(-1, keepdims=True)
    e = numpy.exp(z - numpy.where(numpy.isinf(largest), 0, largest)) * kept
    total = e.sum(-1, keepdims=True)
    return numpy.where(total > 0, e / numpy.where(total > 0, total, 1), 1.0 / x.shape[-1])


def softmax_grad(grad, y, mask=None, scale=1.0):
    grad, y = grad.astype(float), y.astype(float)
    kept = numpy.ones(y.shape, bool) if mask is None else ~numpy.broadcast_to(mask, y.shape)
    inner = (grad * y * kept).sum(-1, keepdims=True)
    return scale * (grad - inner) * y * kept


def attention(query, key, value, mask=None, scale=1.0, pse=0.0):
    """BNSD; heads of key are repeated."""
    query, key, value = (array.astype(float) for array in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    key, value = numpy.repeat(key, groups, 1), numpy.repeat(value, groups, 1)
    logits = (query @ key.swapaxes(-1, -2) + pse) * scale
    if mask is not None:
        logits = numpy.where(mask, -numpy.inf, logits)
    largest = logits.max(-1)
    e = numpy.exp(logits - largest[..., None])
    return e @ value / e.sum(-1)[..., None], largest, e.sum(-1)


def feed_forward(x, weight1, weight2, activation, bias1=0.0, bias2=0.0):
    def sigmoid(v):
        return 1 / (1 + numpy.exp(-v))

    plain = {
        "relu": lambda v: numpy.maximum(v, 0),
        "silu": lambda v: v * sigmoid(v),
        "gelu": lambda v: v * sigmoid(1.5957691216057308 * (v + 0.044715 * v**3)),
        "fastgelu": lambda v: v * sigmoid(1.702 * v),
    }
    hidden = x.astype(float) @ weight1.astype(float) + bias1
    if activation in plain:
        hidden = plain[activation](hidden)
    else:
        left, right = numpy.split(hidden, 2, -1)
        hidden = left * plain[{"reglu": "relu", "swiglu": "silu", "geglu": "gelu"}[activation]](right)
    return hidden @ weight2.astype(float) + bias2


def floyd(query, key1, value1, key2, value2, mask=None, scale=1.0):
    query, key1, value1, key2, value2 = (
        array.astype(float) for array in (query, key1, value1, key2, value2))
    scores = scale * (numpy.einsum("bhnmd,bhnkd->bhnmk", query, key1)
                      + numpy.einsum("bhnmd,bhkmd->bhnmk", query, key2))
    if mask is not None:
        scores = numpy.where(mask, -numpy.inf, scores)
    largest = scores.max(-1)
    e = numpy.exp(scores - largest[..., None])
    p = e / e.sum(-1, keepdims=True)
    out = (numpy.einsum("bhnmk,bhnkd->bhnmd", p, value1)
           + numpy.einsum("bhnmk,bhkmd->bhnmd", p, value2))
    return out, largest, e.sum(-1)
