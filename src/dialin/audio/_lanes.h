/* Numbers of many frames side by side in the lanes of vectors. */
#ifndef DIALIN_LANES_H
#define DIALIN_LANES_H

#include "_kernels.h"

#define VL 16
#define LOAD(at) (*(wide *)(at))

typedef float wide __attribute__((vector_size(4 * VL), aligned(4), may_alias));

/* The `n` samples of `x` with the same sample of frames in a row, `hop` apart, side by side:
 * (hop, stride). */
static INLINE void spread_out(const float *x, long n, long hop, long stride, float *spread)
{
    for (long b0 = 0; b0 < stride; b0 += 16)
        for (long r0 = 0; r0 < hop; r0 += 16) {
            long width = hop - r0 < 16 ? hop - r0 : 16;
            float tile[16][16];
            for (long b = 0; b < 16; b++) {
                long from = (b0 + b) * hop + r0;
                if (from + 16 <= n)
                    memcpy(tile[b], x + from, sizeof tile[b]);
                else
                    for (long r = 0; r < 16; r++)
                        tile[b][r] = from + r < n ? x[from + r] : 0.0f;
            }
            for (long r = 0; r < width; r++)
                for (long b = 0; b < 16; b++)
                    spread[(r0 + r) * stride + b0 + b] = tile[b][r];
        }
}

#endif
