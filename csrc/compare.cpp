#include "compare.hpp"

#include <cmath>
#include <cstdlib>

#include "blobs.hpp"

namespace narratrace {
namespace {

using Mask = std::vector<std::uint8_t>;

Mask edges(const PlaneView& y, int threshold) {
    const int w = y.width, h = y.height;
    Mask out(static_cast<std::size_t>(w) * h, 0);
    for (int r = 0; r < h; ++r) {
        const std::uint8_t* up = y.row(std::max(r - 1, 0));
        const std::uint8_t* here = y.row(r);
        const std::uint8_t* down = y.row(std::min(r + 1, h - 1));
        std::uint8_t* o = out.data() + static_cast<std::size_t>(r) * w;
        for (int x = 1; x + 1 < w; ++x)
            o[x] = std::max(std::abs(here[x + 1] - here[x - 1]), std::abs(down[x] - up[x])) > threshold;
    }
    return out;
}

// Separable dilation of a 0/1 mask by a square of 2 * reach + 1.
Mask dilate(const Mask& in, int w, int h, int reach) {
    Mask rows(in.size(), 0), out(in.size(), 0);
    for (int d = -reach; d <= reach; ++d) {
        for (int y = 0; y < h; ++y) {
            const std::uint8_t* i = in.data() + static_cast<std::size_t>(y) * w;
            std::uint8_t* o = rows.data() + static_cast<std::size_t>(y) * w;
            for (int x = std::max(0, -d); x < std::min(w, w - d); ++x) o[x] |= i[x + d];
        }
    }
    for (int d = -reach; d <= reach; ++d) {
        for (int y = std::max(0, -d); y < std::min(h, h - d); ++y) {
            const std::uint8_t* i = rows.data() + static_cast<std::size_t>(y + d) * w;
            std::uint8_t* o = out.data() + static_cast<std::size_t>(y) * w;
            for (int x = 0; x < w; ++x) o[x] |= i[x];
        }
    }
    return out;
}

struct Moments {
    double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;

    void add(int x, int y) { n += 1, a += x, b += y, aa += x * x, bb += y * y, ab += x * y; }
    double correlation() const {
        const double va = aa - a * a / n, vb = bb - b * b / n;
        return n > 0 && va > n && vb > n ? (ab - a * b / n) / std::sqrt(va * vb) : 0.0;
    }
};

}  // namespace

Comparison compare(const PictureView& a, const PictureView& b, const std::uint8_t* ignore,
                   const CompareOptions& options) {
    const int w = a.y.width, h = a.y.height;
    const TileGrid grid{w, h};
    const Mask ea = edges(a.y, options.edge), eb = edges(b.y, options.edge);
    const Mask near_a = dilate(ea, w, h, options.reach), near_b = dilate(eb, w, h, options.reach);
    Comparison out;
    out.tile_strong.assign(static_cast<std::size_t>(grid.count()), 0);
    Moments moments;
    for (int tile = 0; tile < grid.count(); ++tile) {
        if (ignore[tile]) continue;
        int strong = 0;
        for (int y = grid.y0(tile); y < grid.y1(tile); ++y) {
            for (int x = grid.x0(tile); x < grid.x1(tile); ++x) {
                const int c = pixel_contrast(a.y.at(x, y) - b.y.at(x, y), a.u.at(x / 2, y / 2) - b.u.at(x / 2, y / 2),
                                             a.v.at(x / 2, y / 2) - b.v.at(x / 2, y / 2));
                const std::size_t i = static_cast<std::size_t>(y) * w + x;
                out.changed += c > options.changed;
                strong += c > options.strong;
                out.edges_a += ea[i], out.edges_b += eb[i];
                out.lost += ea[i] && !near_b[i];
                out.gained += eb[i] && !near_a[i];
            }
        }
        out.pixels += (grid.x1(tile) - grid.x0(tile)) * (grid.y1(tile) - grid.y0(tile));
        out.strong += strong;
        out.tile_strong[static_cast<std::size_t>(tile)] = static_cast<std::uint16_t>(strong);
        if (strong < 24) continue;
        for (int y = grid.y0(tile); y < grid.y1(tile); ++y)
            for (int x = grid.x0(tile); x < grid.x1(tile); ++x) moments.add(a.y.at(x, y), b.y.at(x, y));
    }
    out.correlation = moments.correlation();
    return out;
}

}  // namespace narratrace
