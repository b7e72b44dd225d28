// Arithmetic on rows of bytes. Without branches, and with what they write declared apart from what they read,
// compilers turn these loops into vector code.
#pragma once

#include <algorithm>
#include <cstdint>

#include "planes.hpp"

// Builds a function twice, for any processor and for those with AVX2; the loader picks. Sanitizers and resolvers do not
// go together.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define NARRATRACE_VECTOR __attribute__((target_clones("avx2", "default")))
#else
#define NARRATRACE_VECTOR
#endif

namespace narratrace {

using Byte = std::uint8_t;

inline Byte distance(Byte a, Byte b) { return static_cast<Byte>(std::max(a, b) - std::min(a, b)); }
inline Byte twice(Byte c) { return static_cast<Byte>(c > 127 ? 255 : 2 * c); }

/// Twice `c` where `again` is 255, `c` where it is 0.
inline Byte once_or_twice(Byte c, Byte again) { return static_cast<Byte>(std::min(255, c + (c & again))); }

/// out = max(out, |a - b|)
inline void raise_to_distance(const Byte* a, const Byte* b, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) out[x] = std::max(out[x], distance(a[x], b[x]));
}

/// The chroma part of pixel_contrast() for the 2 n luma columns over n chroma columns.
inline void chroma_contrast(const Byte* ua, const Byte* ub, const Byte* va, const Byte* vb, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) {
        const Byte c = twice(std::max(distance(ua[x], ub[x]), distance(va[x], vb[x])));
        out[2 * x] = c;
        out[2 * x + 1] = c;
    }
}

/// pixel_contrast() of `n` pixels of row `y` of two pictures from the even column `x` on; `out` has room for one more.
inline void contrast_row(const PictureView& a, const PictureView& b, int x, int y, int n, Byte* __restrict out) {
    const int cx = x / 2, cy = y / 2;
    chroma_contrast(a.u.row(cy) + cx, b.u.row(cy) + cx, a.v.row(cy) + cx, b.v.row(cy) + cx, (n + 1) / 2, out);
    raise_to_distance(a.y.row(y) + x, b.y.row(y) + x, n, out);
}

/// Every byte twice.
inline void double_up(const Byte* in, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) {
        out[2 * x] = in[x];
        out[2 * x + 1] = in[x];
    }
}

/// out = in > threshold, 0 or 1
inline void exceeds(const Byte* in, int n, int threshold, Byte* __restrict out) {
    const auto limit = static_cast<Byte>(threshold);
    for (int x = 0; x < n; ++x) out[x] = in[x] > limit;
}

inline void add_to(const Byte* in, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) out[x] = static_cast<Byte>(out[x] + in[x]);
}

}  // namespace narratrace
