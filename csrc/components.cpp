#include "components.hpp"

#include <algorithm>
#include <stdexcept>

namespace narratrace {

std::vector<std::int32_t> connected_components(const std::vector<std::int32_t>& tiles, int columns, int reach) {
    if (columns < 1) throw std::invalid_argument("a grid has at least one column");
    if (tiles.empty()) return {};
    const auto [low, high] = std::minmax_element(tiles.begin(), tiles.end());
    if (*low < 0) throw std::out_of_range("no such tile");
    constexpr std::int32_t kAbsent = -2, kUnseen = -1;
    const int rows = *high / columns + 1;
    std::vector<std::int32_t> label(static_cast<std::size_t>(rows) * columns, kAbsent), stack, out;
    for (const std::int32_t tile : tiles) label[static_cast<std::size_t>(tile)] = kUnseen;
    std::int32_t count = 0;
    for (const std::int32_t seed : tiles) {
        if (label[static_cast<std::size_t>(seed)] == kUnseen) {
            label[static_cast<std::size_t>(seed)] = count;
            stack.assign(1, seed);
            while (!stack.empty()) {
                const int x = stack.back() % columns, y = stack.back() / columns;
                stack.pop_back();
                for (int ny = std::max(0, y - reach); ny <= std::min(rows - 1, y + reach); ++ny) {
                    for (int nx = std::max(0, x - reach); nx <= std::min(columns - 1, x + reach); ++nx) {
                        std::int32_t& next = label[static_cast<std::size_t>(ny) * columns + nx];
                        if (next != kUnseen) continue;
                        next = count;
                        stack.push_back(ny * columns + nx);
                    }
                }
            }
            ++count;
        }
        out.push_back(label[static_cast<std::size_t>(seed)]);
    }
    return out;
}

}  // namespace narratrace
