/* The exponential in float32, inlined, so that a loop of them is computed four at a time: stands in front of the C code
   of each figure. x = n log 2 + r with a whole n; a polynomial in r (Cephes's, within 1 in 2^23), times 2^n in two
   factors, which reach 0 and infinity. */
#include <math.h>
#include <stdint.h>

typedef union {
    float number;
    uint32_t bits;
} baby_float;

static inline float baby_expf(float x) {
    x = x > 89.0f ? 89.0f : x;
    x = x < -105.0f ? -105.0f : x; /* what is no number stays none */
    const float rounding = 12582912.0f; /* 1.5 * 2^23, where the last bit is one */
    const baby_float shifted = {x * 1.44269504f + rounding};
    const float n = shifted.number - rounding;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* log 2 in two parts */
    float sum = 1.9875691500e-4f;
    sum = sum * r + 1.3981999507e-3f;
    sum = sum * r + 8.3334519073e-3f;
    sum = sum * r + 4.1665795894e-2f;
    sum = sum * r + 1.6666665459e-1f;
    sum = sum * r + 5.0000001201e-1f;
    sum = sum * (r * r) + r + 1.0f;
    const int32_t whole = (int32_t)(shifted.bits - 0x4B400000u), half = whole >> 1;
    baby_float one, other;
    one.bits = (uint32_t)(half + 127) << 23;
    other.bits = (uint32_t)(whole - half + 127) << 23;
    return sum * one.number * other.number;
}

#define expf baby_expf
