// Which tiles of a frame differ from a reference picture: the one read of every pixel in the engine.
#pragma once

#include <cstdint>

#include "planes.hpp"

namespace narratrace {

/// Two samples differ when |a - b| exceeds the threshold of their plane.
struct DiffThresholds {
    std::uint8_t luma = 16;
    std::uint8_t chroma = 12;
};

/// Differing samples of one tile: at most 256 of luma, at most 128 of both chroma planes together.
struct TileCount {
    std::uint16_t luma = 0;
    std::uint16_t chroma = 0;
};

/// Counts the differing samples of every tile. `frame` and `reference` have the same size; strides may
/// differ. `counts` holds TileGrid::count() elements. Dispatches to AVX2 where the processor has it.
void count_differences(const PictureView& frame, const PictureView& reference, DiffThresholds thresholds,
                       TileCount* counts);

/// The same of a single tile.
TileCount count_tile(const PictureView& frame, const PictureView& reference, const TileGrid& grid, int tile,
                     DiffThresholds thresholds);

namespace detail {
// Exposed for the test that holds the two against each other.
void count_differences_baseline(const PictureView& frame, const PictureView& reference,
                                DiffThresholds thresholds, TileCount* counts);
#if defined(__x86_64__)
void count_differences_avx2(const PictureView& frame, const PictureView& reference,
                            DiffThresholds thresholds, TileCount* counts);
#endif
bool have_avx2();
}  // namespace detail

}  // namespace narratrace
