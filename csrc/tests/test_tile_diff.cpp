#include <cstdlib>

#include "../tile_diff.hpp"
#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

using Counts = std::vector<TileCount>;

// Pixel by pixel, by the definition.
Counts count_naively(const Picture& a, const Picture& b, DiffThresholds thresholds) {
    const TileGrid grid{a.width(), a.height()};
    Counts out(static_cast<std::size_t>(grid.count()));
    const auto tile = [&](int x, int y) -> TileCount& { return out[static_cast<std::size_t>(y * grid.cols() + x)]; };
    for (int y = 0; y < a.height(); ++y)
        for (int x = 0; x < a.width(); ++x)
            if (std::abs(a.y.row(y)[x] - b.y.row(y)[x]) > thresholds.luma) ++tile(x / kTile, y / kTile).luma;
    for (const auto& [p, q] : {std::pair{&a.u, &b.u}, std::pair{&a.v, &b.v}})
        for (int y = 0; y < p->height(); ++y)
            for (int x = 0; x < p->width(); ++x)
                if (std::abs(p->row(y)[x] - q->row(y)[x]) > thresholds.chroma)
                    ++tile(x / kChromaTile, y / kChromaTile).chroma;
    return out;
}

void check_counts(const Counts& got, const Counts& wanted) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        CHECK_EQUAL(got[i].luma, wanted[i].luma);
        CHECK_EQUAL(got[i].chroma, wanted[i].chroma);
    }
}

void check_all_ways(const Picture& a, const Picture& b, DiffThresholds thresholds, int pad_a, int pad_b) {
    const TightPicture frame(a, pad_a), reference(b, pad_b);
    const Counts wanted = count_naively(a, b, thresholds);
    Counts got(wanted.size(), {7, 7}); // must be overwritten
    detail::count_differences_baseline(frame.view(), reference.view(), thresholds, got.data());
    check_counts(got, wanted);
    got.assign(wanted.size(), {7, 7});
    count_differences(frame.view(), reference.view(), thresholds, got.data());
    check_counts(got, wanted);
#if defined(__x86_64__)
    if (!detail::have_avx2()) return;
    got.assign(wanted.size(), {7, 7});
    detail::count_differences_avx2(frame.view(), reference.view(), thresholds, got.data());
    check_counts(got, wanted);
#endif
}

}  // namespace

TEST(counts_agree_with_the_definition) {
    Random random(10);
    for (const auto& [w, h] : sizes(random, 60)) {
        const Picture a = random_picture(random, w, h), b = random_picture(random, w, h);
        const DiffThresholds thresholds{static_cast<std::uint8_t>(pick(random, 0, 255)),
                                        static_cast<std::uint8_t>(pick(random, 0, 255))};
        check_all_ways(a, b, thresholds, pick(random, 0, 40), pick(random, 0, 40));
    }
}

TEST(counts_reach_their_greatest_values) {
    for (const auto& [w, h] : {std::pair{64, 48}, std::pair{70, 50}}) {
        const Picture black = flat_picture(w, h, 0, 0, 0), white = flat_picture(w, h, 255, 255, 255);
        check_all_ways(black, white, {0, 0}, 0, 0);
        check_all_ways(black, white, {254, 254}, 0, 3);
        check_all_ways(black, white, {255, 255}, 5, 0);
        const Counts full = count_naively(black, white, {254, 254});
        CHECK_EQUAL(full[0].luma, 256);
        CHECK_EQUAL(full[0].chroma, 128);
    }
}

TEST(a_difference_equal_to_the_threshold_does_not_count) {
    const Picture a = flat_picture(40, 40, 100, 100, 100), b = flat_picture(40, 40, 116, 112, 88);
    Counts counts(9);
    count_differences(a.view(), b.view(), {16, 12}, counts.data());
    check_counts(counts, Counts(9));
    count_differences(a.view(), b.view(), {15, 11}, counts.data());
    CHECK_EQUAL(counts[0].luma, 256);
    CHECK_EQUAL(counts[0].chroma, 128);
}

TEST(every_single_pixel_is_seen) {
    const int w = 75, h = 37;
    const Picture ground = flat_picture(w, h, 50);
    const TileGrid grid{w, h};
    for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
            Picture frame = ground;
            frame.y.row(y)[x] = 90;
            Counts counts(static_cast<std::size_t>(grid.count()));
            count_differences(frame.view(), ground.view(), {16, 12}, counts.data());
            int sum = 0;
            for (const TileCount& c : counts) sum += c.luma + c.chroma;
            CHECK_EQUAL(sum, 1);
            CHECK_EQUAL(counts[static_cast<std::size_t>(y / kTile * grid.cols() + x / kTile)].luma, 1);
        }
    }
}
