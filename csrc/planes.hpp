// Views of planar 8-bit 4:2:0 pictures and the grid of 16 x 16 tiles laid over them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace narratrace {

/// Luma pixels along the side of a tile. Chroma tiles are half of it.
inline constexpr int kTile = 16;
inline constexpr int kChromaTile = kTile / 2;

/// A read-only picture plane in somebody else's memory.
struct PlaneView {
    const std::uint8_t* data = nullptr;
    std::ptrdiff_t stride = 0;
    int width = 0;
    int height = 0;

    const std::uint8_t* row(int y) const { return data + y * stride; }
    std::uint8_t at(int x, int y) const { return data[y * stride + x]; }
};

/// A read-only 4:2:0 picture; chroma planes are (width + 1) / 2 by (height + 1) / 2.
struct PictureView {
    PlaneView y, u, v;
};

/// A picture in somebody else's memory that may be written.
struct MutablePlane {
    std::uint8_t* data = nullptr;
    std::ptrdiff_t stride = 0;

    std::uint8_t* row(int y) const { return data + y * stride; }
};
struct MutablePicture {
    MutablePlane y, u, v;
};

/// An owned plane whose rows are padded to whole tiles, so that tile loops need no edge case in memory.
class Plane {
public:
    Plane() = default;
    Plane(int width, int height, int align)
        : width_(width), height_(height), stride_((width + align - 1) / align * align),
          data_(static_cast<std::size_t>(stride_) * ((height + align - 1) / align * align)) {}

    PlaneView view() const { return {data_.data(), stride_, width_, height_}; }
    std::uint8_t* row(int y) { return data_.data() + static_cast<std::ptrdiff_t>(y) * stride_; }
    const std::uint8_t* row(int y) const { return data_.data() + static_cast<std::ptrdiff_t>(y) * stride_; }
    std::ptrdiff_t stride() const { return stride_; }
    int width() const { return width_; }
    int height() const { return height_; }

    void assign(const PlaneView& source) {
        for (int y = 0; y < height_; ++y) std::memcpy(row(y), source.row(y), static_cast<std::size_t>(width_));
    }

private:
    int width_ = 0, height_ = 0;
    std::ptrdiff_t stride_ = 0;
    std::vector<std::uint8_t> data_;
};

/// An owned 4:2:0 picture.
struct Picture {
    Plane y, u, v;

    Picture() = default;
    Picture(int width, int height)
        : y(width, height, kTile), u((width + 1) / 2, (height + 1) / 2, kChromaTile),
          v((width + 1) / 2, (height + 1) / 2, kChromaTile) {}

    PictureView view() const { return {y.view(), u.view(), v.view()}; }
    int width() const { return y.width(); }
    int height() const { return y.height(); }

    void assign(const PictureView& source) {
        y.assign(source.y);
        u.assign(source.u);
        v.assign(source.v);
    }
};

/// Tiles of a picture in row-major order; the last column and row may be cut off by the picture's edge.
struct TileGrid {
    int width = 0, height = 0;

    int cols() const { return (width + kTile - 1) / kTile; }
    int rows() const { return (height + kTile - 1) / kTile; }
    int count() const { return cols() * rows(); }
    int x0(int tile) const { return tile % cols() * kTile; }
    int y0(int tile) const { return tile / cols() * kTile; }
    int x1(int tile) const { return std::min(x0(tile) + kTile, width); }
    int y1(int tile) const { return std::min(y0(tile) + kTile, height); }
};

/// The pixels of one tile: 16 x 16 luma, then 8 x 8 of each chroma plane. Beyond the edge: unspecified.
struct Block {
    std::uint8_t y[kTile * kTile];
    std::uint8_t u[kChromaTile * kChromaTile];
    std::uint8_t v[kChromaTile * kChromaTile];
};
static_assert(sizeof(Block) == 384);

/// Contrast of two pixels: the largest of the luma difference and twice the chroma differences, at most
/// 255. Chroma counts double because 8-bit chroma spans less: a red dot on grey of the same luma differs
/// by about 100 in V.
inline int pixel_contrast(int dy, int du, int dv) {
    return std::min(255, std::max(std::abs(dy), 2 * std::max(std::abs(du), std::abs(dv))));
}

inline MutablePicture writable(Picture& picture) {
    const auto plane = [](Plane& p) { return MutablePlane{p.row(0), p.stride()}; };
    return {plane(picture.y), plane(picture.u), plane(picture.v)};
}

/// Copies one tile of `source` into `block`.
void load_block(const PictureView& source, const TileGrid& grid, int tile, Block& block);
/// Copies `block` into one tile of `target`.
void store_block(const Block& block, const TileGrid& grid, int tile, const MutablePicture& target);
void store_block(const Block& block, const TileGrid& grid, int tile, Picture& target);
/// Copies one tile from picture to picture.
void copy_tile(const PictureView& source, const TileGrid& grid, int tile, Picture& target);

}  // namespace narratrace
