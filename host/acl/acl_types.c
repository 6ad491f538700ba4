/* Sizes of data types, and fp16 numbers on the host. */
#include <acl/acl_base.h>
#include <string.h>

size_t aclDataTypeSize(aclDataType dataType) {
    switch (dataType) {
    case ACL_INT8:
    case ACL_UINT8:
    case ACL_BOOL:
    case ACL_HIFLOAT8:
    case ACL_FLOAT8_E5M2:
    case ACL_FLOAT8_E4M3FN:
    case ACL_FLOAT8_E8M0:
        return 1;
    case ACL_FLOAT16:
    case ACL_BF16:
    case ACL_INT16:
    case ACL_UINT16:
        return 2;
    case ACL_FLOAT:
    case ACL_INT32:
    case ACL_UINT32:
    case ACL_COMPLEX32:
        return 4;
    case ACL_INT64:
    case ACL_UINT64:
    case ACL_DOUBLE:
    case ACL_COMPLEX64:
        return 8;
    case ACL_COMPLEX128:
        return 16;
    case ACL_DT_UNDEFINED:
    case ACL_STRING:
    case ACL_INT4:
    case ACL_UINT1:
    case ACL_FLOAT6_E3M2:
    case ACL_FLOAT6_E2M3:
    case ACL_FLOAT4_E2M1:
    case ACL_FLOAT4_E1M2:
        return 0;
    }
    return 0;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float aclFloat16ToFloat(aclFloat16 value) {
    const uint32_t sign = (uint32_t)(value & 0x8000u) << 16;
    const uint32_t exponent = (value >> 10) & 0x1fu;
    const uint32_t fraction = value & 0x3ffu;
    if (exponent == 0x1f) { /* infinity, or NaN with its payload */
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    }
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24 */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* `bits` shifted right, rounded to nearest even. 1 <= shift <= 31. */
static uint32_t shift_rounded(uint32_t bits, uint32_t shift) {
    const uint32_t half = 1u << (shift - 1);
    const uint32_t kept = bits >> shift;
    const uint32_t rest = bits & ((half << 1) - 1);
    return kept + (rest > half || (rest == half && (kept & 1u) != 0));
}

aclFloat16 aclFloatToFloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) { /* NaN: its upper payload, made quiet */
        return (aclFloat16)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    }
    if (magnitude >= 0x47800000u) { /* 65536 and more */
        return (aclFloat16)(sign | 0x7c00u);
    }
    if (magnitude >=
        0x38800000u) { /* normal; rounding may carry into the exponent, up to infinity */
        return (aclFloat16)(sign | shift_rounded(magnitude - (112u << 23), 13));
    }
    if (magnitude < 0x33000000u) { /* less than half of the smallest subnormal */
        return (aclFloat16)sign;
    }
    const uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    return (aclFloat16)(sign | shift_rounded(fraction, 126 - (magnitude >> 23)));
}
