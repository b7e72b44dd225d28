#include "../recorder.hpp"

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

constexpr ChangeOptions kExact{{0, 0}, 1, 1, 2.0, 1.0, 1.0};

// A few random rectangles move over a picture from frame to frame.
Picture next_picture(Random& random, const Picture& before) {
    Picture out = before;
    for (int i = pick(random, 0, 3); i > 0; --i) {
        const int x = pick(random, 0, out.width() - 1), y = pick(random, 0, out.height() - 1);
        draw_rect(out, x, y, x + pick(random, 1, 20), y + pick(random, 1, 20), pick(random, 0, 255), pick(random, 0, 255),
                  pick(random, 0, 255));
    }
    return out;
}

}  // namespace

TEST(replay_gives_every_frame_back) {
    Random random(20);
    for (const auto& [w, h] : sizes(random, 10)) {
        SparseRecorder recorder(w, h, kExact);
        std::vector<Picture> pushed{random_picture(random, w, h)};
        for (int i = 0; i < 12; ++i) {
            if (i > 0) pushed.push_back(next_picture(random, pushed.back()));
            recorder.push(0.1 * i, TightPicture(pushed.back(), pick(random, 0, 9)).view());
            CHECK(recorder.stored());
            CHECK(same_pixels(recorder.screen(), pushed.back()));
        }
        const auto segment = recorder.take();
        CHECK_EQUAL(segment->frames.size(), pushed.size());
        CHECK(same_pixels(last_screen(*segment), pushed.back()));
        for (int begin = 0; begin < 12; begin += 5) {
            Replay replay(*segment, begin);
            for (int i = begin; replay.step(); ++i) {
                CHECK_EQUAL(replay.frame(), i);
                CHECK_EQUAL(segment->frames[static_cast<std::size_t>(i)].t, 0.1 * i);
                CHECK(same_pixels(replay.screen(), pushed[static_cast<std::size_t>(i)]));
            }
            CHECK_EQUAL(replay.frame(), 11);
        }
    }
}

TEST(only_tiles_beyond_the_thresholds_change) {
    Random random(21);
    const int w = 70, h = 45;
    SparseRecorder recorder(w, h, {{16, 12}, 3, 3, 1e9, 1.0, 1.0});
    const TileGrid grid = recorder.grid();
    Picture frame = random_picture(random, w, h), model = frame;
    recorder.push(0, frame.view());
    std::vector<Picture> models{model};
    for (int i = 1; i < 30; ++i) {
        frame = next_picture(random, frame);
        const Picture before = recorder.screen();
        recorder.push(0.05 * i, frame.view());
        std::vector<TileCount> counts(static_cast<std::size_t>(grid.count()));
        detail::count_differences_baseline(frame.view(), before.view(), {16, 12}, counts.data());
        std::vector<std::int32_t> wanted;
        for (int tile = 0; tile < grid.count(); ++tile) {
            const TileCount& c = counts[static_cast<std::size_t>(tile)];
            if (c.luma >= 3 || c.chroma >= 3) wanted.push_back(tile);
        }
        CHECK(recorder.changed() == wanted);
        for (const std::int32_t tile : wanted) copy_tile(frame.view(), grid, tile, model);
        models.push_back(model);
    }
    const auto segment = recorder.take();
    Replay replay(*segment);
    for (const Picture& m : models) CHECK(replay.step() && same_pixels(replay.screen(), m));
}

TEST(a_still_tile_is_refreshed_once) {
    SparseRecorder recorder(16, 16, {{16, 12}, 3, 3, 1.0, 1.0, 1.0});
    recorder.push(0.0, flat_picture(16, 16, 100).view());
    recorder.push(0.5, flat_picture(16, 16, 105).view());
    CHECK_EQUAL(int(recorder.screen().y.row(0)[0]), 100);
    recorder.push(1.5, flat_picture(16, 16, 110).view());
    CHECK_EQUAL(int(recorder.screen().y.row(0)[0]), 110);
    recorder.push(3.0, flat_picture(16, 16, 120).view()); // below the threshold, but already refreshed
    CHECK_EQUAL(int(recorder.screen().y.row(0)[0]), 110);
    CHECK_EQUAL(recorder.push(3.5, flat_picture(16, 16, 130).view()), 1); // so a slow fade is noticed in the end
    CHECK_EQUAL(int(last_screen(*recorder.take()).y.row(0)[0]), 130);
}

TEST(the_beginning_of_a_fade_is_no_refinement) {
    const auto luma_at_the_end = [](double cut) {
        SparseRecorder recorder(32, 16, {{16, 12}, 3, 3, 1.0, 0.6, 1.0});
        Picture frame = flat_picture(32, 16, 100);
        recorder.push(0.0, frame.view());
        draw_rect(frame, 0, 0, 16, 16, 150); // one of two tiles
        recorder.push(1.0, frame.view());
        recorder.push(1.5, frame.view());
        draw_rect(frame, 0, 0, 16, 16, 156); // below the threshold, when it is time to take the tile again
        for (double t = 2.0; t < cut; t += 0.125) recorder.push(t, frame.view());
        CHECK_EQUAL(int(recorder.screen().y.row(0)[0]), 156);
        recorder.push(cut, flat_picture(32, 16, 16).view());
        CHECK(!recorder.stored());
        return int(last_screen(*recorder.take()).y.row(0)[0]);
    };
    CHECK_EQUAL(luma_at_the_end(2.25), 150); // it went on to another picture
    CHECK_EQUAL(luma_at_the_end(3.0), 156);  // it stayed
}

TEST(a_frame_with_too_many_changes_closes_the_segment) {
    SparseRecorder recorder(64, 64, {{16, 12}, 3, 3, 2.0, 0.25});
    const Picture black = flat_picture(64, 64, 16), white = flat_picture(64, 64, 235);
    recorder.push(0.0, black.view());
    recorder.push(0.1, black.view());
    CHECK_EQUAL(recorder.push(0.2, white.view()), 16);
    CHECK(!recorder.stored());
    const auto first = recorder.take();
    CHECK_EQUAL(first->frames.size(), 2u);
    CHECK(same_pixels(first->base, black));
    recorder.push(0.3, white.view());
    CHECK(recorder.stored());
    const auto second = recorder.take();
    CHECK_EQUAL(second->frames.size(), 1u);
    CHECK(same_pixels(second->base, white));
    CHECK_EQUAL(second->bytes(), 0u);
    CHECK_EQUAL(recorder.take()->frames.size(), 0u);
}

TEST(a_cut_closes_the_segment_and_a_growing_change_does_not) {
    SparseRecorder recorder(160, 160, {{16, 12}, 3, 3, 2.0, 0.9, 0.08});
    const Picture ground = flat_picture(160, 160, 60);
    Picture frame = ground;
    recorder.push(0.0, ground.view());
    for (int rows = 1; rows <= 4; rows *= 2) { // 5, 10, 20 of 100 tiles
        draw_rect(frame, 0, 0, 80, 16 * rows, 60 + 40 * rows);
        recorder.push(0.1 * rows, frame.view());
        CHECK(recorder.stored());
    }
    recorder.push(0.9, frame.view());
    const Picture before = frame;
    draw_rect(frame, 80, 0, 160, 32, 200); // 10 tiles at once after half a second with none
    CHECK_EQUAL(recorder.push(1.0, frame.view()), 10);
    CHECK(!recorder.stored());
    const auto segment = recorder.take();
    CHECK_EQUAL(segment->frames.size(), 5u);
    CHECK(same_pixels(last_screen(*segment), before));
}

TEST(a_camera_slower_than_the_recording_closes_no_segment) {
    SparseRecorder recorder(160, 160, {{16, 12}, 3, 3, 2.0, 0.9, 0.08, 0.5});
    Picture frame = flat_picture(160, 160, 60);
    recorder.push(0.0, frame.view());
    for (int i = 1; i <= 30; ++i) {
        draw_rect(frame, 0, 0, 64, 48, 60 + i / 3 % 2 * 100); // 12 tiles with every third frame
        CHECK_EQUAL(recorder.push(i / 30.0, frame.view()), i % 3 == 0 ? 12 : 0);
        CHECK_EQUAL(recorder.stored(), i != 3); // the first picture comes as suddenly as a cut
    }
    recorder.push(1.2, frame.view());
    draw_rect(frame, 80, 80, 144, 128, 200); // 12 tiles, but not at once
    recorder.push(1.4, frame.view());
    CHECK(recorder.stored());
    recorder.push(1.9, frame.view());
    draw_rect(frame, 80, 80, 144, 128, 60);
    recorder.push(2.0, frame.view());
    CHECK(!recorder.stored());
}

TEST(after_a_cut_nothing_of_the_old_picture_remains) {
    SparseRecorder recorder(64, 64, {{16, 12}, 3, 3, 2.0, 0.25, 0.08});
    const Picture old = flat_picture(64, 64, 16);
    Picture fresh = flat_picture(64, 64, 25); // within the threshold of the old one
    draw_rect(fresh, 0, 0, 64, 32, 200);
    recorder.push(0.0, old.view());
    recorder.push(0.1, fresh.view());
    recorder.take();
    recorder.push(0.2, fresh.view());
    CHECK(same_pixels(recorder.take()->base, fresh));
}

TEST(a_refined_tile_takes_the_place_of_the_one_kept) {
    SparseRecorder recorder(48, 16, {{16, 12}, 3, 3, 1.0, 1.0, 1.0});
    Picture frame = flat_picture(48, 16, 100);
    recorder.push(0.0, frame.view());
    draw_rect(frame, 16, 0, 48, 16, 200);
    recorder.push(0.1, frame.view());
    draw_rect(frame, 0, 0, 16, 16, 103); // the encoder refines two tiles, below the threshold
    draw_rect(frame, 16, 0, 32, 16, 203);
    draw_rect(frame, 32, 0, 48, 16, 240); // while the third goes on changing
    recorder.push(2.0, frame.view());
    const auto segment = recorder.take();
    const auto greys = [&](int at, std::vector<std::int32_t> tiles, std::vector<std::int32_t> blocks) {
        const Picture p = compose(*segment, at, tiles, blocks);
        return std::vector<int>{p.y.row(15)[15], p.y.row(0)[16], p.y.row(0)[32]};
    };
    CHECK((greys(0, {}, {}) == std::vector{103, 100, 100}));
    CHECK((greys(1, {}, {}) == std::vector{103, 203, 200}));
    CHECK((greys(2, {}, {}) == std::vector{103, 203, 240}));
    CHECK((greys(2, {1}, {-1}) == std::vector{103, 100, 240}));
    CHECK((greys(0, {1}, {0}) == std::vector{103, 203, 100}));
}

TEST(frames_of_another_size_are_refused) {
    CHECK_THROWS(std::invalid_argument, SparseRecorder(0, 5, kExact));
    SparseRecorder recorder(32, 16, kExact);
    CHECK_THROWS(std::invalid_argument, recorder.push(0, flat_picture(32, 17, 0).view()));
}
