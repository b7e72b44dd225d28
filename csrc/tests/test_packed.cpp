#include "../recorder.hpp"

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

// Some frames, each with a few rectangles more than the one before, or none.
std::vector<Picture> recording(Random& random, int w, int h) {
    std::vector<Picture> frames{random_picture(random, w, h)};
    for (int i = 1; i < 12; ++i) {
        frames.push_back(frames.back());
        for (int k = pick(random, 0, 2); k > 0; --k) {
            const int x = pick(random, 0, w), y = pick(random, 0, h);
            draw_rect(frames.back(), x, y, x + pick(random, 1, 40), y + pick(random, 1, 40), pick(random, 0, 255), pick(random, 0, 255));
        }
    }
    return frames;
}

}  // namespace

TEST(packed_pictures_can_be_had_back_and_hold_no_tile_too_many) {
    Random random(50);
    for (const auto& [w, h] : sizes(random, 10)) {
        const auto frames = recording(random, w, h);
        Picture screen(w, h);
        PackedPicture both;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            const TightPicture now(frames[i], 3), earlier(frames[i ? i - 1 : 0], 7);
            const auto packed = i ? pack(now.view(), earlier.view()) : pack(now.view(), std::nullopt);
            for (const std::int32_t tile : packed.tiles) {
                Block a{}, b{};
                load_block(frames[i].view(), packed.grid, tile, a);
                load_block(screen.view(), packed.grid, tile, b);
                CHECK(i == 0 || std::memcmp(&a, &b, sizeof(Block)) != 0);
            }
            unpack(packed, writable(screen));
            CHECK(same_pixels(screen, frames[i]));
            both = i ? merged(both, packed) : packed;
        }
        Picture last(w, h);
        unpack(both, writable(last));
        CHECK(same_pixels(last, frames.back()));
    }
}

TEST(recorder_makes_the_same_of_packed_frames) {
    Random random(51);
    for (const auto& [w, h] : sizes(random, 20)) {
        const ChangeOptions options{{16, 12}, 3, 3, 0.3, 0.4};
        SparseRecorder plain(w, h, options), packing(w, h, options);
        const auto frames = recording(random, w, h);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            const double t = 0.1 * static_cast<double>(i);
            const int changed = plain.push(t, frames[i].view());
            const bool anew = i % 5 == 0; // as where a stretch begins
            CHECK_EQUAL(changed, packing.push(t, anew ? pack(frames[i].view(), std::nullopt) : pack(frames[i].view(), frames[i - 1].view())));
            CHECK(plain.changed() == packing.changed());
            CHECK_EQUAL(plain.stored(), packing.stored());
            CHECK_EQUAL(plain.bytes(), packing.bytes());
            CHECK(same_pixels(plain.screen(), packing.screen()));
            if (!plain.stored()) CHECK_EQUAL(plain.take()->frames.size(), packing.take()->frames.size());
        }
        const auto a = plain.take(), b = packing.take();
        Replay ra(*a), rb(*b);
        while (ra.step()) {
            CHECK(rb.step());
            CHECK(same_pixels(ra.screen(), rb.screen()));
        }
        CHECK(!rb.step());
    }
}

TEST(recorder_wants_the_first_packed_frame_whole) {
    SparseRecorder recorder(40, 40, {{16, 12}, 3, 3, 2.0, 0.25});
    const Picture flat = flat_picture(40, 40, 90);
    CHECK_THROWS(std::invalid_argument, recorder.push(0, pack(flat.view(), flat.view())));
    CHECK_THROWS(std::invalid_argument, recorder.push(0, pack(flat_picture(39, 40, 90).view(), std::nullopt)));
}
