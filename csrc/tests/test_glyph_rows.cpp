#include "../glyph_rows.hpp"

#include "../tile_diff.hpp"
#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

std::vector<Byte> random_bytes(Random& random, std::ptrdiff_t n, int most) {
    std::vector<Byte> out(static_cast<std::size_t>(n));
    for (Byte& b : out) b = static_cast<Byte>(pick(random, 0, most));
    return out;
}

}  // namespace

TEST(rows_sum_alike_on_every_processor) {
    Random random(80);
    for (int round = 0; round < 60; ++round) {
        CommonRows c{};
        c.rows = pick(random, 0, 50), c.columns = 32 * pick(random, 0, 3);
        c.screen_step = c.columns + pick(random, 0, 40), c.glyph_step = c.columns + 32 * pick(random, 0, 2);
        const std::ptrdiff_t screen = c.rows * c.screen_step, glyph = c.rows * c.glyph_step;
        const int most = round % 3 ? 255 : 60; // colours that are close, too
        const auto y = random_bytes(random, screen, most), u = random_bytes(random, screen, most),
                   v = random_bytes(random, screen, most), differs = random_bytes(random, screen, 1);
        const auto gy = random_bytes(random, glyph, most), gu = random_bytes(random, glyph, most),
                   gv = random_bytes(random, glyph, most), outside = random_bytes(random, glyph, 255);
        auto opaque = random_bytes(random, glyph, 255), shape = random_bytes(random, glyph, 255);
        if (round % 4 == 0) opaque.assign(opaque.size(), 255), shape.assign(shape.size(), 255); // the greatest sums
        c.y = y.data(), c.u = u.data(), c.v = v.data(), c.differs = differs.data();
        c.glyph_y = gy.data(), c.glyph_u = gu.data(), c.glyph_v = gv.data();
        auto chroma = random_bytes(random, glyph, 1);
        for (Byte& b : chroma) b = static_cast<Byte>(255 * b);
        c.opaque = opaque.data(), c.shape = shape.data(), c.outside = outside.data(), c.chroma = chroma.data();
        const int tolerance = pick(random, 0, detail::kVectorTolerance);
        for (const bool marks : {false, true}) {
            const RowSums wanted = detail::sum_rows_baseline(c, tolerance, marks), got = sum_rows(c, tolerance, marks);
            CHECK_EQUAL(got.alike, wanted.alike);
            CHECK_EQUAL(got.differing, wanted.differing);
        }
    }
}

TEST(the_greatest_products_do_not_overflow) {
    const std::vector<Byte> same(64 * 64, 7), heavy(64 * 64, 255), none(64 * 64, 0), all(64 * 64, 1);
    CommonRows c{};
    c.y = c.u = c.v = c.glyph_y = c.glyph_u = c.glyph_v = same.data();
    c.differs = all.data(), c.opaque = c.shape = c.chroma = heavy.data(), c.outside = none.data();
    c.rows = c.columns = 64, c.screen_step = c.glyph_step = 64;
    const RowSums sums = sum_rows(c, detail::kVectorTolerance, true);
    CHECK_EQUAL(sums.alike, std::int64_t{64 * 64} * 255 * detail::kVectorTolerance);
    CHECK_EQUAL(sums.differing, std::int64_t{64 * 64} * 255);
}
