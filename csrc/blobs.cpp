#include "blobs.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "byte_rows.hpp"

namespace narratrace {
namespace {

constexpr int kCell = 4;
constexpr int kCellsPerTile = kTile / kCell;
constexpr int kMinCellPixels = 2;

}  // namespace

Residual::Residual(const Picture& plate, const TileGrid& grid, BlobOptions options)
    : plate_(plate), grid_(grid), options_(options), contrast_(grid.width, grid.height, kTile),
      cell_cols_(grid.cols() * kCellsPerTile), cell_rows_(grid.rows() * kCellsPerTile),
      active_(static_cast<std::size_t>(cell_cols_) * cell_rows_),
      visited_(active_.size()), tile_cells_(static_cast<std::size_t>(grid.count())) {}

void Residual::update(const PictureView& screen, int tile) {
    const PictureView plate = plate_.view();
    const int x0 = grid_.x0(tile), width = grid_.x1(tile) - x0;
    int active_cells = 0;
    for (int y0 = grid_.y0(tile); y0 < grid_.y1(tile); y0 += kCell) {
        Byte pixels[kTile] = {}; // that differ, by column
        for (int y = y0; y < std::min(y0 + kCell, grid_.height); ++y) {
            Byte contrast[kTile], differs[kTile];
            contrast_row(screen, plate, x0, y, width, contrast);
            exceeds(contrast, width, options_.threshold, differs);
            add_to(differs, width, pixels);
            Byte* out = contrast_.row(y) + x0;
            for (int x = 0; x < width; ++x) out[x] = static_cast<Byte>(differs[x] * contrast[x]);
        }
        Byte* active = active_.data() + static_cast<std::ptrdiff_t>(y0 / kCell) * cell_cols_ + x0 / kCell;
        for (int cell = 0; cell * kCell < width; ++cell) {
            const Byte* p = pixels + cell * kCell;
            active[cell] = p[0] + p[1] + p[2] + p[3] >= kMinCellPixels;
            active_cells += active[cell];
        }
    }
    tile_cells_[static_cast<std::size_t>(tile)] = active_cells;
}

void Residual::add_cell(int cell, Blob& blob, Moments& sums) const {
    const int x0 = cell % cell_cols_ * kCell, y0 = cell / cell_cols_ * kCell;
    // Rows are padded to whole tiles with pixels that do not differ. Sums count from the cell's corner.
    Byte columns[kCell] = {};
    int weight = 0, x = 0, y = 0;
    for (int dy = 0; dy < kCell; ++dy) {
        const Byte* c = contrast_.row(y0 + dy) + x0;
        const int row = c[0] + c[1] + c[2] + c[3];
        if (row == 0) continue;
        for (int dx = 0; dx < kCell; ++dx) columns[dx] |= c[dx];
        blob.y0 = std::min(blob.y0, y0 + dy), blob.y1 = std::max(blob.y1, y0 + dy + 1);
        blob.area += (c[0] > 0) + (c[1] > 0) + (c[2] > 0) + (c[3] > 0);
        weight += row, x += c[1] + 2 * c[2] + 3 * c[3], y += dy * row;
    }
    for (int dx = 0; dx < kCell; ++dx)
        if (columns[dx]) blob.x0 = std::min(blob.x0, x0 + dx), blob.x1 = std::max(blob.x1, x0 + dx + 1);
    sums.weight += weight, sums.x += weight * (x0 + 0.5) + x, sums.y += weight * (y0 + 0.5) + y;
}

Blob Residual::grow(int seed) {
    Blob blob{grid_.width, grid_.height, 0, 0, 0, 0, 0, 0};
    Moments sums;
    stack_.assign(1, seed);
    visited_[static_cast<std::size_t>(seed)] = 1;
    touched_.push_back(seed);
    while (!stack_.empty()) {
        const int cell = stack_.back();
        stack_.pop_back();
        add_cell(cell, blob, sums);
        const int cx = cell % cell_cols_, cy = cell / cell_cols_;
        for (int y = std::max(0, cy - options_.link); y <= std::min(cell_rows_ - 1, cy + options_.link); ++y) {
            for (int x = std::max(0, cx - options_.link); x <= std::min(cell_cols_ - 1, cx + options_.link); ++x) {
                const auto next = static_cast<std::size_t>(y * cell_cols_ + x);
                if (!active_[next] || visited_[next]) continue;
                visited_[next] = 1;
                touched_.push_back(static_cast<std::int32_t>(next));
                stack_.push_back(static_cast<std::int32_t>(next));
            }
        }
    }
    blob.weight = static_cast<std::int32_t>(std::min<std::int64_t>(sums.weight, std::numeric_limits<std::int32_t>::max()));
    const auto weight = static_cast<double>(std::max<std::int64_t>(1, sums.weight));
    blob.cx = static_cast<float>(sums.x / weight), blob.cy = static_cast<float>(sums.y / weight);
    return blob;
}

void Residual::find(std::vector<Blob>& out) {
    out.clear();
    touched_.clear();
    for (int tile = 0; tile < grid_.count(); ++tile) {
        if (tile_cells_[static_cast<std::size_t>(tile)] == 0) continue;
        const int first = grid_.y0(tile) / kCell * cell_cols_ + grid_.x0(tile) / kCell;
        for (int dy = 0; dy < kCellsPerTile; ++dy) {
            for (int dx = 0; dx < kCellsPerTile; ++dx) {
                const int cell = first + dy * cell_cols_ + dx;
                if (!active_[static_cast<std::size_t>(cell)] || visited_[static_cast<std::size_t>(cell)]) continue;
                const Blob blob = grow(cell);
                if (blob.area >= options_.min_area) out.push_back(blob);
            }
        }
    }
    for (const std::int32_t cell : touched_) visited_[static_cast<std::size_t>(cell)] = 0;
    std::stable_sort(out.begin(), out.end(), [](const Blob& a, const Blob& b) { return a.weight > b.weight; });
    if (out.size() > static_cast<std::size_t>(options_.max_blobs)) out.resize(static_cast<std::size_t>(options_.max_blobs));
}

BlobList find_blobs(const Segment& segment, int begin, int end, const Picture& plate, const std::uint8_t* ignore,
                    BlobOptions options) {
    BlobList list;
    Residual residual(plate, segment.grid, options);
    std::vector<Blob> found;
    Replay replay(segment, begin);
    while (replay.frame() + 1 < end && replay.step()) {
        bool dirty = false;
        const auto take = [&](int tile) {
            if (ignore[tile]) return;
            residual.update(replay.screen().view(), tile);
            dirty = true;
        };
        if (replay.frame() == begin)
            for (int tile = 0; tile < segment.grid.count(); ++tile) take(tile);
        else
            std::for_each(replay.changed_begin(), replay.changed_end(), take);
        if (dirty) {
            residual.find(found);
            list.first.push_back(static_cast<std::uint32_t>(list.blobs.size()));
            list.blobs.insert(list.blobs.end(), found.begin(), found.end());
            list.last.push_back(static_cast<std::uint32_t>(list.blobs.size()));
        } else {
            list.first.push_back(list.first.empty() ? 0 : list.first.back());
            list.last.push_back(list.last.empty() ? 0 : list.last.back());
        }
    }
    return list;
}

}  // namespace narratrace
