#include "tile_diff.hpp"

#include <cstdlib>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace narratrace {
namespace {

int differing(const std::uint8_t* a, const std::uint8_t* b, int n, int threshold) {
    int count = 0;
    for (int i = 0; i < n; ++i) count += std::abs(static_cast<int>(a[i]) - b[i]) > threshold;
    return count;
}

// Columns [x0, width) of one band of rows; also serves as the remainder of the vector path.
template <typename Add>
void count_band(const PlaneView& a, const PlaneView& b, int y0, int y1, int x0, int side, int threshold, Add add) {
    for (int y = y0; y < y1; ++y)
        for (int x = x0; x < a.width; x += side)
            add(x / side, differing(a.row(y) + x, b.row(y) + x, std::min(side, a.width - x), threshold));
}

#if defined(__x86_64__)
// 0xFF where |a - b| > threshold. Saturating subtraction both ways gives |a - b| without widening.
__attribute__((target("avx2"))) inline __m256i exceeds(__m256i a, __m256i b, __m256i threshold) {
    const __m256i d = _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
    const __m256i within = _mm256_cmpeq_epi8(_mm256_subs_epu8(d, threshold), _mm256_setzero_si256());
    return _mm256_xor_si256(within, _mm256_set1_epi8(-1));
}

// 32 columns of a band: four sums of 8 columns each. A band has at most 16 rows, so bytes cannot overflow.
__attribute__((target("avx2"))) inline void sum_columns(const PlaneView& a, const PlaneView& b, int y0, int y1,
                                                        int x, __m256i threshold, std::uint64_t sums[4]) {
    __m256i bytes = _mm256_setzero_si256();
    for (int y = y0; y < y1; ++y) {
        const __m256i va = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a.row(y) + x));
        const __m256i vb = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b.row(y) + x));
        bytes = _mm256_sub_epi8(bytes, exceeds(va, vb, threshold));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
}
#endif

}  // namespace

namespace detail {

void count_differences_baseline(const PictureView& frame, const PictureView& reference,
                                DiffThresholds thresholds, TileCount* counts) {
    const TileGrid grid{frame.y.width, frame.y.height};
    std::fill(counts, counts + grid.count(), TileCount{});
    for (int band = 0; band < grid.rows(); ++band) {
        TileCount* row = counts + band * grid.cols();
        const int y0 = band * kTile, y1 = std::min(y0 + kTile, frame.y.height);
        count_band(frame.y, reference.y, y0, y1, 0, kTile, thresholds.luma,
                   [&](int tile, int n) { row[tile].luma += static_cast<std::uint16_t>(n); });
        const int c0 = band * kChromaTile, c1 = std::min(c0 + kChromaTile, frame.u.height);
        const auto add = [&](int tile, int n) { row[tile].chroma += static_cast<std::uint16_t>(n); };
        count_band(frame.u, reference.u, c0, c1, 0, kChromaTile, thresholds.chroma, add);
        count_band(frame.v, reference.v, c0, c1, 0, kChromaTile, thresholds.chroma, add);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void count_differences_avx2(const PictureView& frame,
                                                             const PictureView& reference,
                                                             DiffThresholds thresholds, TileCount* counts) {
    const TileGrid grid{frame.y.width, frame.y.height};
    std::fill(counts, counts + grid.count(), TileCount{});
    const __m256i luma = _mm256_set1_epi8(static_cast<char>(thresholds.luma));
    const __m256i chroma = _mm256_set1_epi8(static_cast<char>(thresholds.chroma));
    const int luma_end = frame.y.width / 32 * 32, chroma_end = frame.u.width / 32 * 32;
    std::uint64_t sums[4];
    for (int band = 0; band < grid.rows(); ++band) {
        TileCount* row = counts + band * grid.cols();
        const int y0 = band * kTile, y1 = std::min(y0 + kTile, frame.y.height);
        for (int x = 0; x < luma_end; x += 32) {
            sum_columns(frame.y, reference.y, y0, y1, x, luma, sums);
            row[x / kTile].luma = static_cast<std::uint16_t>(sums[0] + sums[1]);
            row[x / kTile + 1].luma = static_cast<std::uint16_t>(sums[2] + sums[3]);
        }
        count_band(frame.y, reference.y, y0, y1, luma_end, kTile, thresholds.luma,
                   [&](int tile, int n) { row[tile].luma += static_cast<std::uint16_t>(n); });
        const int c0 = band * kChromaTile, c1 = std::min(c0 + kChromaTile, frame.u.height);
        const auto add = [&](int tile, int n) { row[tile].chroma += static_cast<std::uint16_t>(n); };
        for (const auto& [a, b] : {std::pair{&frame.u, &reference.u}, std::pair{&frame.v, &reference.v}}) {
            for (int x = 0; x < chroma_end; x += 32) {
                sum_columns(*a, *b, c0, c1, x, chroma, sums);
                for (int i = 0; i < 4; ++i) add(x / kChromaTile + i, static_cast<int>(sums[i]));
            }
            count_band(*a, *b, c0, c1, chroma_end, kChromaTile, thresholds.chroma, add);
        }
    }
}
#endif

bool have_avx2() {
#if defined(__x86_64__)
    static const bool have = __builtin_cpu_supports("avx2");
    return have;
#else
    return false;
#endif
}

}  // namespace detail

void count_differences(const PictureView& frame, const PictureView& reference, DiffThresholds thresholds,
                       TileCount* counts) {
#if defined(__x86_64__)
    if (detail::have_avx2()) return detail::count_differences_avx2(frame, reference, thresholds, counts);
#endif
    detail::count_differences_baseline(frame, reference, thresholds, counts);
}

}  // namespace narratrace
