// Thumbnails.
#pragma once

#include <cstdint>
#include <vector>

#include "planes.hpp"

namespace narratrace {

/// A small picture of luma, rows without padding.
struct Shrunk {
    int width = 0, height = 0;
    std::vector<std::uint8_t> pixels;
};

/// Averages squares of `step` pixels, 1 to 64; what is left over at the edges is dropped.
Shrunk shrink(const PlaneView& plane, int step);

}  // namespace narratrace
