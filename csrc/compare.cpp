#include "compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "byte_rows.hpp"

namespace narratrace {
namespace {

using Row = std::vector<Byte>;

NARRATRACE_VECTOR void edge_row(const Byte* up, const Byte* here, const Byte* down, int n, int threshold,
                                Byte* __restrict out) {
    const auto limit = static_cast<Byte>(threshold);
    for (int x = 1; x + 1 < n; ++x)
        out[x] = std::max(distance(here[x + 1], here[x - 1]), distance(down[x], up[x])) > limit;
}

NARRATRACE_VECTOR void merge_row(const Byte* in, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) out[x] |= in[x];
}

NARRATRACE_VECTOR void mask_out_row(const Byte* in, int n, Byte* __restrict out) {
    for (int x = 0; x < n; ++x) out[x] &= in[x] ^ 1;
}

NARRATRACE_VECTOR void add_difference(const Byte* a, const Byte* b, int n, std::int16_t* __restrict sum) {
    for (int x = 0; x < n; ++x) sum[x] = static_cast<std::int16_t>(sum[x] + b[x] - a[x]);
}

// A mask of 0 and 1 for every pixel of a plane, with rows of zeros above and below.
class Mask {
public:
    Mask(int width, int height, int margin)
        : width_(static_cast<std::size_t>(width)), margin_(margin),
          data_(width_ * static_cast<std::size_t>(height + 2 * margin)) {}

    Byte* row(int y) { return data_.data() + static_cast<std::size_t>(y + margin_) * width_; }
    const Byte* row(int y) const { return data_.data() + static_cast<std::size_t>(y + margin_) * width_; }

private:
    std::size_t width_;
    int margin_;
    Row data_;
};

Mask find_edges(const PlaneView& y, int threshold, int margin) {
    Mask out(y.width, y.height, margin);
    for (int r = 0; r < y.height; ++r)
        edge_row(y.row(std::max(r - 1, 0)), y.row(r), y.row(std::min(r + 1, y.height - 1)), y.width, threshold, out.row(r));
    return out;
}

// The mask with every pixel at most `reach` columns from a set one set too.
Mask widen(const Mask& in, int width, int height, int reach) {
    Mask out(width, height, reach);
    for (int y = 0; y < height; ++y)
        for (int d = -reach; d <= reach; ++d)
            merge_row(in.row(y) + std::max(0, d), width - std::abs(d), out.row(y) + std::max(0, -d));
    return out;
}

// Pixels of row `y` that are set in `mask`, but at most `reach` rows away nowhere in `wide`.
void alone(const Mask& mask, const Mask& wide, int width, int y, int reach, Row& out) {
    std::copy(mask.row(y), mask.row(y) + width, out.begin());
    for (int d = -reach; d <= reach; ++d) mask_out_row(wide.row(y + d), width, out.data());
}

// Counts of one band of tiles, by column of pixels; a band has 16 rows, so bytes cannot overflow.
struct Band {
    enum Kind { changed, strong, edges_a, edges_b, lost, gained, kinds };
    std::array<Row, kinds> counts;
    std::vector<std::int16_t> lightness; // of the second picture less that of the first

    explicit Band(int width) : lightness(static_cast<std::size_t>(width)) {
        for (Row& row : counts) row.resize(static_cast<std::size_t>(width));
    }
    void clear() {
        for (Row& row : counts) std::fill(row.begin(), row.end(), Byte{0});
        std::fill(lightness.begin(), lightness.end(), std::int16_t{0});
    }
    void add(Kind kind, const Byte* mask) { add_to(mask, static_cast<int>(counts[kind].size()), counts[kind].data()); }
    int lighter(int x0, int x1) const { return std::accumulate(lightness.begin() + x0, lightness.begin() + x1, 0); }
    int sum(Kind kind, int x0, int x1) const {
        int total = 0;
        const Byte* row = counts[kind].data();
        for (int x = x0; x < x1; ++x) total += row[x];
        return total;
    }
};

class Comparer {
public:
    Comparer(const PictureView& a, const PictureView& b, const CompareOptions& options)
        : a_(a), b_(b), options_(options), width_(a.y.width),
          edges_a_(find_edges(a.y, options.edge, options.reach)), edges_b_(find_edges(b.y, options.edge, options.reach)),
          wide_a_(widen(edges_a_, width_, a.y.height, options.reach)), wide_b_(widen(edges_b_, width_, a.y.height, options.reach)),
          band_(width_), mask_(static_cast<std::size_t>(width_)), contrast_(2 * static_cast<std::size_t>(a.u.width)) {}

    const Band& band(int y0, int y1) {
        band_.clear();
        for (int y = y0; y < y1; ++y) take(y);
        return band_;
    }

private:
    NARRATRACE_VECTOR void take(int y) {
        add_difference(a_.y.row(y), b_.y.row(y), width_, band_.lightness.data());
        contrast_row(a_, b_, 0, y, width_, contrast_.data());
        exceeds(contrast_.data(), width_, options_.changed, mask_.data());
        band_.add(Band::changed, mask_.data());
        exceeds(contrast_.data(), width_, options_.strong, mask_.data());
        band_.add(Band::strong, mask_.data());
        band_.add(Band::edges_a, edges_a_.row(y));
        band_.add(Band::edges_b, edges_b_.row(y));
        alone(edges_a_, wide_b_, width_, y, options_.reach, mask_);
        band_.add(Band::lost, mask_.data());
        alone(edges_b_, wide_a_, width_, y, options_.reach, mask_);
        band_.add(Band::gained, mask_.data());
    }

    const PictureView &a_, &b_;
    const CompareOptions& options_;
    int width_;
    Mask edges_a_, edges_b_, wide_a_, wide_b_;
    Band band_;
    Row mask_, contrast_;
};

}  // namespace

Comparison compare(const PictureView& a, const PictureView& b, const std::uint8_t* ignore,
                   const CompareOptions& options) {
    const TileGrid grid{a.y.width, a.y.height};
    Comparison out;
    out.tile_strong.assign(static_cast<std::size_t>(grid.count()), 0);
    out.tile_shift.assign(out.tile_strong.size(), 0);
    Comparer comparer(a, b, options);
    for (int tile = 0; tile < grid.count(); tile += grid.cols()) {
        const int y0 = grid.y0(tile), y1 = grid.y1(tile);
        const Band& band = comparer.band(y0, y1);
        for (int t = tile; t < tile + grid.cols(); ++t) {
            if (ignore[t]) continue;
            const int x0 = grid.x0(t), x1 = grid.x1(t), pixels = (x1 - x0) * (y1 - y0);
            const int strong = band.sum(Band::strong, x0, x1);
            out.pixels += pixels;
            out.changed += band.sum(Band::changed, x0, x1);
            out.strong += strong;
            out.edges_a += band.sum(Band::edges_a, x0, x1);
            out.edges_b += band.sum(Band::edges_b, x0, x1);
            out.lost += band.sum(Band::lost, x0, x1);
            out.gained += band.sum(Band::gained, x0, x1);
            out.tile_strong[static_cast<std::size_t>(t)] = static_cast<std::uint16_t>(strong);
            out.tile_shift[static_cast<std::size_t>(t)] = static_cast<Byte>(std::abs(band.lighter(x0, x1)) / pixels);
        }
    }
    return out;
}

}  // namespace narratrace
