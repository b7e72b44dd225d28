// Which tiles of a set hang together.
#pragma once

#include <cstdint>
#include <vector>

namespace narratrace {

/// The number of the connected component of each of `tiles`, counted in order of first members. Tiles at most `reach`
/// columns and rows apart are connected; the same tile may occur more than once. Tile numbers are not negative.
std::vector<std::int32_t> connected_components(const std::vector<std::int32_t>& tiles, int columns, int reach);

}  // namespace narratrace
