#include "planes.hpp"

namespace narratrace {
namespace {

struct Rect {
    int x0, y0, x1, y1;
};

Rect chroma_rect(const TileGrid& grid, int tile) {
    return {grid.x0(tile) / 2, grid.y0(tile) / 2, (grid.x1(tile) + 1) / 2, (grid.y1(tile) + 1) / 2};
}

// A row of a tile: nearly all are whole, and of a size the compiler knows.
template <int kSide>
void copy_row(std::uint8_t* to, const std::uint8_t* from, int n) {
    if (n == kSide) std::memcpy(to, from, kSide);
    else std::memcpy(to, from, static_cast<std::size_t>(n));
}

template <int kSide>
void load(const PlaneView& source, Rect r, std::uint8_t* out) {
    for (int y = r.y0; y < r.y1; ++y, out += kSide) copy_row<kSide>(out, source.row(y) + r.x0, r.x1 - r.x0);
}

template <int kSide>
void store(const std::uint8_t* in, Rect r, const MutablePlane& target) {
    for (int y = r.y0; y < r.y1; ++y, in += kSide) copy_row<kSide>(target.row(y) + r.x0, in, r.x1 - r.x0);
}

template <int kSide>
void copy(const PlaneView& source, Rect r, Plane& target) {
    for (int y = r.y0; y < r.y1; ++y) copy_row<kSide>(target.row(y) + r.x0, source.row(y) + r.x0, r.x1 - r.x0);
}

Rect luma_rect(const TileGrid& grid, int tile) {
    return {grid.x0(tile), grid.y0(tile), grid.x1(tile), grid.y1(tile)};
}

}  // namespace

void load_block(const PictureView& source, const TileGrid& grid, int tile, Block& block) {
    load<kTile>(source.y, luma_rect(grid, tile), block.y);
    load<kChromaTile>(source.u, chroma_rect(grid, tile), block.u);
    load<kChromaTile>(source.v, chroma_rect(grid, tile), block.v);
}

void store_block(const Block& block, const TileGrid& grid, int tile, Picture& target) {
    store_block(block, grid, tile, writable(target));
}

void store_block(const Block& block, const TileGrid& grid, int tile, const MutablePicture& target) {
    store<kTile>(block.y, luma_rect(grid, tile), target.y);
    store<kChromaTile>(block.u, chroma_rect(grid, tile), target.u);
    store<kChromaTile>(block.v, chroma_rect(grid, tile), target.v);
}

void copy_tile(const PictureView& source, const TileGrid& grid, int tile, Picture& target) {
    copy<kTile>(source.y, luma_rect(grid, tile), target.y);
    copy<kChromaTile>(source.u, chroma_rect(grid, tile), target.u);
    copy<kChromaTile>(source.v, chroma_rect(grid, tile), target.v);
}

}  // namespace narratrace
