#include "packed.hpp"

#include <stdexcept>

namespace narratrace {
namespace {

// Marks the tiles of one band in which two planes differ. The C library compares whole rows, nearly all of which are
// alike, as fast as memory gives them.
void mark_differences(const PlaneView& a, const PlaneView& b, int y0, int y1, int side, std::uint8_t* marks) {
    for (int y = y0; y < y1; ++y) {
        const std::uint8_t *pa = a.row(y), *pb = b.row(y);
        if (std::memcmp(pa, pb, static_cast<std::size_t>(a.width)) == 0) continue;
        for (int x = 0; x < a.width; x += side) {
            std::uint8_t& mark = marks[x / side];
            if (!mark) mark = std::memcmp(pa + x, pb + x, static_cast<std::size_t>(std::min(side, a.width - x))) != 0;
        }
    }
}

std::vector<std::uint8_t> differences(const PictureView& a, const PictureView& b, const TileGrid& grid) {
    std::vector<std::uint8_t> marks(static_cast<std::size_t>(grid.count()));
    for (int band = 0; band < grid.rows(); ++band) {
        std::uint8_t* row = marks.data() + band * grid.cols();
        mark_differences(a.y, b.y, band * kTile, std::min((band + 1) * kTile, a.y.height), kTile, row);
        const int c0 = band * kChromaTile, c1 = std::min(c0 + kChromaTile, a.u.height);
        mark_differences(a.u, b.u, c0, c1, kChromaTile, row);
        mark_differences(a.v, b.v, c0, c1, kChromaTile, row);
    }
    return marks;
}

}  // namespace

PackedPicture pack(const PictureView& picture, const std::optional<PictureView>& before) {
    PackedPicture packed{{picture.y.width, picture.y.height}, {}, {}};
    const int count = packed.grid.count();
    const auto marks = before ? differences(picture, *before, packed.grid)
                              : std::vector<std::uint8_t>(static_cast<std::size_t>(count), std::uint8_t{1});
    for (int tile = 0; tile < count; ++tile)
        if (marks[static_cast<std::size_t>(tile)]) packed.tiles.push_back(tile);
    packed.blocks.resize(packed.tiles.size());
    for (std::size_t i = 0; i < packed.tiles.size(); ++i)
        load_block(picture, packed.grid, packed.tiles[i], packed.blocks[i]);
    return packed;
}

PackedPicture merged(const PackedPicture& earlier, const PackedPicture& later) {
    if (earlier.grid.width != later.grid.width || earlier.grid.height != later.grid.height)
        throw std::invalid_argument("pictures differ in size");
    PackedPicture both{later.grid, {}, {}};
    const auto add = [&](const PackedPicture& from, std::size_t i) {
        both.tiles.push_back(from.tiles[i]);
        both.blocks.push_back(from.blocks[i]);
    };
    std::size_t i = 0;
    for (std::size_t j = 0; j < later.tiles.size(); ++j) {
        for (; i < earlier.tiles.size() && earlier.tiles[i] < later.tiles[j]; ++i) add(earlier, i);
        if (i < earlier.tiles.size() && earlier.tiles[i] == later.tiles[j]) ++i;
        add(later, j);
    }
    for (; i < earlier.tiles.size(); ++i) add(earlier, i);
    return both;
}

void unpack(const PackedPicture& packed, const MutablePicture& target) {
    for (std::size_t i = 0; i < packed.tiles.size(); ++i)
        store_block(packed.blocks[i], packed.grid, packed.tiles[i], target);
}

}  // namespace narratrace
