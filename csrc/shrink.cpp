#include "shrink.hpp"

#include <algorithm>
#include <stdexcept>

#include "byte_rows.hpp"

namespace narratrace {
namespace {

NARRATRACE_VECTOR void add_row(const std::uint8_t* row, int n, std::uint16_t* __restrict sums) {
    for (int x = 0; x < n; ++x) sums[x] = static_cast<std::uint16_t>(sums[x] + row[x]);
}

}  // namespace

Shrunk shrink(const PlaneView& plane, int step) {
    if (step < 1 || step > 64) throw std::invalid_argument("step must be 1 to 64"); // sums of a column fit 16 bits
    Shrunk out{plane.width / step, plane.height / step, {}};
    out.pixels.reserve(static_cast<std::size_t>(out.width) * out.height);
    std::vector<std::uint16_t> sums(static_cast<std::size_t>(plane.width));
    for (int oy = 0; oy < out.height; ++oy) {
        // Down the columns first: that vectorises.
        std::fill(sums.begin(), sums.end(), std::uint16_t{0});
        for (int y = oy * step; y < (oy + 1) * step; ++y) add_row(plane.row(y), plane.width, sums.data());
        for (int ox = 0; ox < out.width; ++ox) {
            int sum = 0;
            for (int x = ox * step; x < (ox + 1) * step; ++x) sum += sums[static_cast<std::size_t>(x)];
            out.pixels.push_back(static_cast<std::uint8_t>(sum / (step * step)));
        }
    }
    return out;
}

}  // namespace narratrace
