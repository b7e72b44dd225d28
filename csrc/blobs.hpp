// Where the screen differs from a clean plate, as connected blobs.
#pragma once

#include <cstdint>
#include <vector>

#include "planes.hpp"
#include "sparse_video.hpp"

namespace narratrace {

/// A connected group of pixels that differ from the plate.
struct Blob {
    std::int32_t x0, y0, x1, y1; ///< bounding box, half-open, luma pixels
    std::int32_t area;           ///< differing luma pixels
    std::int32_t weight;         ///< sum of their contrasts, as much of it as fits
    float cx, cy;                ///< centroid by contrast
};

struct BlobOptions {
    int threshold = 20;    ///< contrast above which a pixel differs, see pixel_contrast()
    int min_area = 6;      ///< smaller blobs are dropped
    int link = 2;          ///< cells of 4 x 4 pixels at most this far apart belong together
    int max_blobs = 32;    ///< heaviest blobs kept of one frame
};

/// Blobs of a range of frames: those of the range's i-th frame are blobs[first[i] .. last[i]). Frames without
/// a change share the blobs of the frame before.
struct BlobList {
    std::vector<Blob> blobs;
    std::vector<std::uint32_t> first, last;
};

/// The pixels of a screen that differ from a plate, kept up to date tile by tile.
class Residual {
public:
    Residual(const Picture& plate, const TileGrid& grid, BlobOptions options);

    /// Takes in one tile of the screen.
    void update(const PictureView& screen, int tile);
    /// Connected blobs, heaviest first.
    void find(std::vector<Blob>& out);

private:
    Blob grow(int seed);
    struct Moments {
        std::int64_t weight = 0;
        double x = 0, y = 0;
    };
    void add_cell(int cell, Blob& blob, Moments& sums) const;

    const Picture& plate_;
    TileGrid grid_;
    BlobOptions options_;
    Plane contrast_; // of every pixel, 0 where it does not differ
    int cell_cols_, cell_rows_;
    std::vector<std::uint8_t> active_;     // per cell: holds differing pixels
    std::vector<std::uint8_t> visited_;    // per cell, during find()
    std::vector<std::int32_t> tile_cells_; // per tile: number of active cells
    std::vector<std::int32_t> stack_, touched_;
};

/// Blobs of frames [begin, end) of `segment` against `plate`; tiles with a nonzero `ignore` entry count as
/// equal.
BlobList find_blobs(const Segment& segment, int begin, int end, const Picture& plate, const std::uint8_t* ignore,
                    BlobOptions options);

}  // namespace narratrace
