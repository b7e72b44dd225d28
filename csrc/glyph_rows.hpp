// How much rows of a glyph resemble rows of the screen: the innermost loop of every search.
#pragma once

#include "byte_rows.hpp"

namespace narratrace {

/// Rows of pixels a screen and a glyph have in common, all planes of each equally far apart.
struct CommonRows {
    const Byte *y, *u, *v, *differs; ///< the screen; `differs` is 0 or 1
    std::ptrdiff_t screen_step;      ///< from one row to the next
    const Byte *glyph_y, *glyph_u, *glyph_v, *chroma; ///< the glyph; `chroma` is 255 where it counts twice, else 0
    const Byte *opaque, *shape, *outside;             ///< its weights
    std::ptrdiff_t glyph_step;
    int rows, columns;
};

struct RowSums {
    std::int64_t alike = 0;     ///< opaque weight times what contrast leaves of the tolerance
    std::int64_t differing = 0; ///< weight of the shape where the screen differs, less that of the outside
};

/// The sums over all pixels; without marks `differs` is not looked at.
RowSums sum_rows(const CommonRows& common, int tolerance, bool marks);

namespace detail {

RowSums sum_rows_baseline(const CommonRows& common, int tolerance, bool marks);

#if defined(__x86_64__)
/// For whole vectors of 32 columns and a tolerance of at most kVectorTolerance.
RowSums sum_rows_avx2(const CommonRows& common, int tolerance, bool marks);
#endif

constexpr int kVectorTolerance = 64; // two products with a weight still fit 16 bits

}  // namespace detail
}  // namespace narratrace
