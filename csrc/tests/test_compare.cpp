#include "../compare.hpp"

#include <cmath>
#include <cstdlib>

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

bool is_edge(const Plane& y, int px, int py, int threshold) {
    if (px < 1 || px + 1 >= y.width()) return false;
    const int across = std::abs(y.row(py)[px + 1] - y.row(py)[px - 1]);
    const int down = std::abs(y.row(std::min(py + 1, y.height() - 1))[px] - y.row(std::max(py - 1, 0))[px]);
    return std::max(across, down) > threshold;
}

bool edge_near(const Plane& y, int px, int py, const CompareOptions& o) {
    for (int ny = std::max(0, py - o.reach); ny <= std::min(y.height() - 1, py + o.reach); ++ny)
        for (int nx = std::max(0, px - o.reach); nx <= std::min(y.width() - 1, px + o.reach); ++nx)
            if (is_edge(y, nx, ny, o.edge)) return true;
    return false;
}

Comparison compare_naively(const Picture& a, const Picture& b, const std::vector<std::uint8_t>& ignore, const CompareOptions& o) {
    const TileGrid grid{a.width(), a.height()};
    Comparison out;
    out.tile_strong.resize(static_cast<std::size_t>(grid.count()));
    for (int y = 0; y < a.height(); ++y) {
        for (int x = 0; x < a.width(); ++x) {
            const auto tile = static_cast<std::size_t>(y / kTile * grid.cols() + x / kTile);
            if (ignore[tile]) continue;
            const int c = pixel_contrast(a.y.row(y)[x] - b.y.row(y)[x], a.u.row(y / 2)[x / 2] - b.u.row(y / 2)[x / 2],
                                         a.v.row(y / 2)[x / 2] - b.v.row(y / 2)[x / 2]);
            ++out.pixels;
            out.changed += c > o.changed;
            if (c > o.strong) ++out.strong, ++out.tile_strong[tile];
            const bool ea = is_edge(a.y, x, y, o.edge), eb = is_edge(b.y, x, y, o.edge);
            out.edges_a += ea, out.edges_b += eb;
            out.lost += ea && !edge_near(b.y, x, y, o);
            out.gained += eb && !edge_near(a.y, x, y, o);
        }
    }
    return out;
}

}  // namespace

TEST(comparison_agrees_with_the_definition) {
    Random random(50);
    for (const auto& [w, h] : sizes(random, 12)) {
        Picture a = textured_picture(random, w, h), b = a;
        for (Picture* p : {&a, &b}) {
            for (int n = pick(random, 0, 4); n > 0; --n) {
                const int x = pick(random, 0, w - 1), y = pick(random, 0, h - 1);
                draw_rect(*p, x, y, x + pick(random, 1, 30), y + pick(random, 1, 30), pick(random, 0, 255), pick(random, 80, 170));
            }
        }
        std::vector<std::uint8_t> ignore(static_cast<std::size_t>(TileGrid{w, h}.count()));
        for (auto& tile : ignore) tile = pick(random, 0, 4) == 0;
        const Comparison got = compare(TightPicture(a, 3).view(), TightPicture(b, 0).view(), ignore.data(), {});
        const Comparison wanted = compare_naively(a, b, ignore, {});
        CHECK_EQUAL(got.pixels, wanted.pixels);
        CHECK_EQUAL(got.changed, wanted.changed);
        CHECK_EQUAL(got.strong, wanted.strong);
        CHECK_EQUAL(got.edges_a, wanted.edges_a);
        CHECK_EQUAL(got.edges_b, wanted.edges_b);
        CHECK_EQUAL(got.lost, wanted.lost);
        CHECK_EQUAL(got.gained, wanted.gained);
        CHECK(got.tile_strong == wanted.tile_strong);
    }
}
