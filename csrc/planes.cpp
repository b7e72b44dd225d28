#include "planes.hpp"

namespace narratrace {
namespace {

struct Rect {
    int x0, y0, x1, y1;
};

Rect chroma_rect(const TileGrid& grid, int tile) {
    return {grid.x0(tile) / 2, grid.y0(tile) / 2, (grid.x1(tile) + 1) / 2, (grid.y1(tile) + 1) / 2};
}

void load(const PlaneView& source, Rect r, int side, std::uint8_t* out) {
    for (int y = r.y0; y < r.y1; ++y, out += side)
        std::memcpy(out, source.row(y) + r.x0, static_cast<std::size_t>(r.x1 - r.x0));
}

void store(const std::uint8_t* in, Rect r, int side, const MutablePlane& target) {
    for (int y = r.y0; y < r.y1; ++y, in += side)
        std::memcpy(target.row(y) + r.x0, in, static_cast<std::size_t>(r.x1 - r.x0));
}

MutablePlane whole(Plane& plane) { return {plane.row(0), plane.stride()}; }

void copy(const PlaneView& source, Rect r, Plane& target) {
    for (int y = r.y0; y < r.y1; ++y)
        std::memcpy(target.row(y) + r.x0, source.row(y) + r.x0, static_cast<std::size_t>(r.x1 - r.x0));
}

Rect luma_rect(const TileGrid& grid, int tile) {
    return {grid.x0(tile), grid.y0(tile), grid.x1(tile), grid.y1(tile)};
}

}  // namespace

void load_block(const PictureView& source, const TileGrid& grid, int tile, Block& block) {
    load(source.y, luma_rect(grid, tile), kTile, block.y);
    load(source.u, chroma_rect(grid, tile), kChromaTile, block.u);
    load(source.v, chroma_rect(grid, tile), kChromaTile, block.v);
}

void store_block(const Block& block, const TileGrid& grid, int tile, Picture& target) {
    store_block(block, grid, tile, MutablePicture{whole(target.y), whole(target.u), whole(target.v)});
}

void store_block(const Block& block, const TileGrid& grid, int tile, const MutablePicture& target) {
    store(block.y, luma_rect(grid, tile), kTile, target.y);
    store(block.u, chroma_rect(grid, tile), kChromaTile, target.u);
    store(block.v, chroma_rect(grid, tile), kChromaTile, target.v);
}

void copy_tile(const PictureView& source, const TileGrid& grid, int tile, Picture& target) {
    copy(source.y, luma_rect(grid, tile), target.y);
    copy(source.u, chroma_rect(grid, tile), target.u);
    copy(source.v, chroma_rect(grid, tile), target.v);
}

}  // namespace narratrace
