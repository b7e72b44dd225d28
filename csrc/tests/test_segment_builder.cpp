#include "../recorder.hpp"

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

std::vector<Block> blocks_of(const Picture& frame, const TileGrid& grid, const std::vector<std::int32_t>& tiles) {
    std::vector<Block> out(tiles.size());
    for (std::size_t i = 0; i < tiles.size(); ++i) load_block(frame.view(), grid, tiles[i], out[i]);
    return out;
}

}  // namespace

// What a device would send of each frame gives the segments that a recorder makes of the frames themselves.
TEST(builder_makes_the_segments_of_a_recorder) {
    Random random(40);
    for (const auto& [w, h] : sizes(random, 10)) {
        SparseRecorder recorder(w, h, {{0, 0}, 1, 1, 1e9, 0.5});
        SegmentBuilder builder(w, h);
        Picture frame = random_picture(random, w, h);
        bool stale = true;
        for (int i = 0; i < 14; ++i) {
            if (i > 0) draw_rect(frame, 0, 0, i == 7 ? w : pick(random, 1, w), i == 7 ? h : pick(random, 1, h), i, i, i);
            recorder.push(0.1 * i, frame.view());
            if (!recorder.stored()) {
                builder.interrupt();
                stale = true;
            } else if (stale) {
                builder.show(recorder.screen().view());
                builder.append(0.1 * i, nullptr, 0, nullptr);
                stale = false;
            } else {
                const auto blocks = blocks_of(frame, recorder.grid(), recorder.changed());
                builder.append(0.1 * i, recorder.changed().data(), blocks.size(), blocks.data());
            }
            CHECK_EQUAL(builder.frames(), recorder.frames());
            CHECK_EQUAL(builder.bytes(), recorder.bytes());
            if (!stale) CHECK(same_pixels(builder.screen(), recorder.screen()));
            if (stale || i == 10) {
                if (stale) builder.show(recorder.screen().view());
                const auto a = recorder.take(), b = builder.take();
                CHECK(a->tiles == b->tiles);
                CHECK(std::ranges::equal(a->frames, b->frames, {}, &FrameRecord::t, &FrameRecord::t));
                if (!a->frames.empty()) CHECK(same_pixels(last_screen(*a), last_screen(*b)));
                Replay ra(*a), rb(*b);
                while (ra.step()) {
                    CHECK(rb.step());
                    CHECK_EQUAL(ra.frame(), rb.frame());
                    CHECK(same_pixels(ra.screen(), rb.screen()));
                }
                CHECK(!rb.step());
            }
        }
    }
}

TEST(builder_takes_back_what_may_be_the_beginning_of_a_fade) {
    const TileGrid grid{16, 16};
    for (const double cut : {2.25, 3.0}) {
        SegmentBuilder builder(16, 16);
        builder.show(flat_picture(16, 16, 150).view());
        builder.append(1.0, nullptr, 0, nullptr);
        builder.append(2.0, nullptr, 0, nullptr);
        const std::vector<std::int32_t> tile{0};
        builder.refresh(tile.data(), 1, blocks_of(flat_picture(16, 16, 156), grid, tile).data());
        builder.append(cut, nullptr, 0, nullptr);
        builder.interrupt();
        CHECK_EQUAL(int(last_screen(*builder.take()).y.row(0)[0]), cut < 2.5 ? 150 : 156);
    }
}

TEST(builder_refuses_tiles_that_do_not_exist) {
    SegmentBuilder builder(33, 17);
    const Block block{};
    for (const std::int32_t tile : {-1, 6}) {
        bool refused = false;
        try {
            builder.refresh(&tile, 1, &block);
        } catch (const std::out_of_range&) {
            refused = true;
        }
        CHECK(refused);
    }
}
