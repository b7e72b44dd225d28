#include "tile_diff.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

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

// Differing samples of one band of at most 16 rows, by column, 32 columns at a time. Planes are read row by row, as
// memory likes it; where nothing differs, which is nearly everywhere, nothing is written. Returns whether
// anything differs.
__attribute__((target("avx2"))) bool add_columns_avx2(const PlaneView& a, const PlaneView& b, int y0, int y1, int columns,
                                                 int threshold, std::uint8_t* sums) {
    const __m256i limit = _mm256_set1_epi8(static_cast<char>(threshold));
    bool any = false;
    for (int y = y0; y < y1; ++y) {
        const std::uint8_t *pa = a.row(y), *pb = b.row(y);
        for (int x = 0; x < columns; x += 32) {
            const __m256i va = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pa + x));
            const __m256i vb = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pb + x));
            const __m256i differs = exceeds(va, vb, limit);
            if (_mm256_testz_si256(differs, differs)) continue;
            any = true;
            __m256i* sum = reinterpret_cast<__m256i*>(sums + x);
            _mm256_storeu_si256(sum, _mm256_sub_epi8(_mm256_loadu_si256(sum), differs));
        }
    }
    return any;
}

// Adds the columns of each tile, `side` wide.
void add_tiles(std::vector<std::uint8_t>& sums, int columns, int side, std::uint16_t TileCount::*count, TileCount* row) {
    for (int x = 0; x < columns; ++x) row[x / side].*count = static_cast<std::uint16_t>(row[x / side].*count + sums[static_cast<std::size_t>(x)]);
    std::fill(sums.begin(), sums.end(), std::uint8_t{0});
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
    const int luma_end = frame.y.width / 32 * 32, chroma_end = frame.u.width / 32 * 32;
    std::vector<std::uint8_t> sums(static_cast<std::size_t>(luma_end));
    for (int band = 0; band < grid.rows(); ++band) {
        TileCount* row = counts + band * grid.cols();
        const int y0 = band * kTile, y1 = std::min(y0 + kTile, frame.y.height);
        if (add_columns_avx2(frame.y, reference.y, y0, y1, luma_end, thresholds.luma, sums.data()))
            add_tiles(sums, luma_end, kTile, &TileCount::luma, row);
        count_band(frame.y, reference.y, y0, y1, luma_end, kTile, thresholds.luma,
                   [&](int tile, int n) { row[tile].luma = static_cast<std::uint16_t>(row[tile].luma + n); });
        const int c0 = band * kChromaTile, c1 = std::min(c0 + kChromaTile, frame.u.height);
        for (const auto& [a, b] : {std::pair{&frame.u, &reference.u}, std::pair{&frame.v, &reference.v}}) {
            if (add_columns_avx2(*a, *b, c0, c1, chroma_end, thresholds.chroma, sums.data()))
                add_tiles(sums, chroma_end, kChromaTile, &TileCount::chroma, row);
            count_band(*a, *b, c0, c1, chroma_end, kChromaTile, thresholds.chroma,
                       [&](int tile, int n) { row[tile].chroma = static_cast<std::uint16_t>(row[tile].chroma + n); });
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

TileCount count_tile(const PictureView& frame, const PictureView& reference, const TileGrid& grid, int tile,
                     DiffThresholds thresholds) {
    TileCount count;
    const int x0 = grid.x0(tile), width = grid.x1(tile) - x0;
    for (int y = grid.y0(tile); y < grid.y1(tile); ++y)
        count.luma = static_cast<std::uint16_t>(
            count.luma + differing(frame.y.row(y) + x0, reference.y.row(y) + x0, width, thresholds.luma));
    const int c0 = x0 / 2, columns = (x0 + width + 1) / 2 - c0;
    for (const auto& [a, b] : {std::pair{&frame.u, &reference.u}, std::pair{&frame.v, &reference.v}})
        for (int y = grid.y0(tile) / 2; y < (grid.y1(tile) + 1) / 2; ++y)
            count.chroma = static_cast<std::uint16_t>(
                count.chroma + differing(a->row(y) + c0, b->row(y) + c0, columns, thresholds.chroma));
    return count;
}

}  // namespace narratrace
