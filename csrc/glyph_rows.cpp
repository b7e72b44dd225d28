#include "glyph_rows.hpp"

#include "tile_diff.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace narratrace {
namespace detail {

RowSums sum_rows_baseline(const CommonRows& c, int tolerance, bool marks) {
    RowSums sums;
    const auto limit = static_cast<Byte>(tolerance);
    for (int row = 0; row < c.rows; ++row) {
        const std::ptrdiff_t s = row * c.screen_step, g = row * c.glyph_step;
        std::int32_t alike = 0, differing = 0;
        for (int x = 0; x < c.columns; ++x) {
            const Byte chroma = std::max(distance(c.u[s + x], c.glyph_u[g + x]), distance(c.v[s + x], c.glyph_v[g + x]));
            const Byte contrast = std::max(distance(c.y[s + x], c.glyph_y[g + x]), once_or_twice(chroma, c.chroma[g + x]));
            alike += c.opaque[g + x] * static_cast<Byte>(limit - std::min(contrast, limit));
        }
        for (int x = 0; marks && x < c.columns; ++x) differing += c.differs[s + x] * (c.shape[g + x] - c.outside[g + x]);
        sums.alike += alike;
        sums.differing += differing;
    }
    return sums;
}

#if defined(__x86_64__)
namespace {

__attribute__((target("avx2"))) inline __m256i load_avx2(const Byte* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

__attribute__((target("avx2"))) inline __m256i distance_avx2(__m256i a, __m256i b) {
    return _mm256_sub_epi8(_mm256_max_epu8(a, b), _mm256_min_epu8(a, b));
}

__attribute__((target("avx2"))) inline std::int64_t sum_of_longs_avx2(__m256i v) {
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

}  // namespace

__attribute__((target("avx2"))) RowSums sum_rows_avx2(const CommonRows& c, int tolerance, bool marks) {
    const __m256i limit = _mm256_set1_epi8(static_cast<char>(tolerance)), zero = _mm256_setzero_si256();
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i alike = zero, differing = zero; // 8 sums of 32 bits, 4 of 64
    for (int row = 0; row < c.rows; ++row) {
        const std::ptrdiff_t s = row * c.screen_step, g = row * c.glyph_step;
        for (int x = 0; x < c.columns; x += 32) {
            const __m256i du = distance_avx2(load_avx2(c.u + s + x), load_avx2(c.glyph_u + g + x));
            const __m256i dv = distance_avx2(load_avx2(c.v + s + x), load_avx2(c.glyph_v + g + x));
            const __m256i dy = distance_avx2(load_avx2(c.y + s + x), load_avx2(c.glyph_y + g + x));
            const __m256i chroma = _mm256_max_epu8(du, dv);
            const __m256i again = _mm256_and_si256(chroma, load_avx2(c.chroma + g + x));
            const __m256i contrast = _mm256_max_epu8(dy, _mm256_adds_epu8(chroma, again));
            const __m256i pairs = _mm256_maddubs_epi16(load_avx2(c.opaque + g + x), _mm256_subs_epu8(limit, contrast));
            alike = _mm256_add_epi32(alike, _mm256_madd_epi16(pairs, ones));
            if (!marks) continue;
            const __m256i marked = _mm256_sub_epi8(zero, load_avx2(c.differs + s + x));
            const __m256i shape = _mm256_sad_epu8(_mm256_and_si256(marked, load_avx2(c.shape + g + x)), zero);
            const __m256i outside = _mm256_sad_epu8(_mm256_and_si256(marked, load_avx2(c.outside + g + x)), zero);
            differing = _mm256_add_epi64(differing, _mm256_sub_epi64(shape, outside));
        }
    }
    const __m256i wide = _mm256_add_epi64(_mm256_unpacklo_epi32(alike, zero), _mm256_unpackhi_epi32(alike, zero));
    return {sum_of_longs_avx2(wide), sum_of_longs_avx2(differing)};
}
#endif

}  // namespace detail

RowSums sum_rows(const CommonRows& common, int tolerance, bool marks) {
#if defined(__x86_64__)
    if (common.columns % 32 == 0 && tolerance <= detail::kVectorTolerance && detail::have_avx2())
        return detail::sum_rows_avx2(common, tolerance, marks);
#endif
    return detail::sum_rows_baseline(common, tolerance, marks);
}

}  // namespace narratrace
