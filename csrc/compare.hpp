// How much, and in what way, two clean pictures differ.
#pragma once

#include <cstdint>
#include <vector>

#include "planes.hpp"

namespace narratrace {

struct CompareOptions {
    int changed = 24; ///< contrast above which a pixel changed
    int strong = 40;  ///< contrast above which it changed beyond compression noise
    int edge = 32;    ///< luma step over two pixels that makes an edge
    int reach = 2;    ///< an edge is still there when another lies within this many pixels
};

/// Counts over the pixels of the tiles that are not masked.
struct Comparison {
    std::int64_t pixels = 0, changed = 0, strong = 0;
    std::int64_t edges_a = 0, edges_b = 0; ///< edge pixels of either picture
    std::int64_t lost = 0, gained = 0;     ///< edge pixels of one that the other lacks
    std::vector<std::uint16_t> tile_strong; ///< strongly changed pixels of every tile
    std::vector<std::uint8_t> tile_shift;   ///< how much lighter or darker every tile is on average, rounded down
};

/// Compares two pictures of the same size; tiles with a nonzero `ignore` entry do not count.
Comparison compare(const PictureView& a, const PictureView& b, const std::uint8_t* ignore,
                   const CompareOptions& options);

}  // namespace narratrace
