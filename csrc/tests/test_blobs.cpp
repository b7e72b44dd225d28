#include "../blobs.hpp"
#include "../recorder.hpp"

#include <tuple>

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

constexpr int kCell = 4;

// Every pixel of a screen against the plate, cells joined by a plain flood fill: the definition.
class NaiveBlobs {
public:
    NaiveBlobs(const Picture& screen, const Picture& plate, const std::vector<std::uint8_t>& ignore, BlobOptions options)
        : w_(screen.width()), h_(screen.height()), cols_((w_ + kCell - 1) / kCell), rows_((h_ + kCell - 1) / kCell),
          options_(options), contrast_(static_cast<std::size_t>(w_ * h_)), pixels_(static_cast<std::size_t>(cols_ * rows_)) {
        const TileGrid grid{w_, h_};
        for (int y = 0; y < h_; ++y) {
            for (int x = 0; x < w_; ++x) {
                if (ignore[static_cast<std::size_t>(y / kTile * grid.cols() + x / kTile)]) continue;
                const int c = pixel_contrast(screen.y.row(y)[x] - plate.y.row(y)[x],
                                             screen.u.row(y / 2)[x / 2] - plate.u.row(y / 2)[x / 2],
                                             screen.v.row(y / 2)[x / 2] - plate.v.row(y / 2)[x / 2]);
                if (c <= options_.threshold) continue;
                contrast_[static_cast<std::size_t>(y * w_ + x)] = c;
                ++pixels_[static_cast<std::size_t>(y / kCell * cols_ + x / kCell)];
            }
        }
    }

    std::vector<Blob> find() {
        std::vector<Blob> out;
        for (int cell = 0; cell < cols_ * rows_; ++cell) {
            Blob blob{w_, h_, 0, 0, 0, 0, 0, 0};
            flood(cell % cols_, cell / cols_, blob);
            if (blob.area > 0 && blob.area >= options_.min_area) out.push_back(blob);
        }
        return out;
    }

private:
    void flood(int cx, int cy, Blob& blob) {
        if (cx < 0 || cy < 0 || cx >= cols_ || cy >= rows_) return;
        int& pixels = pixels_[static_cast<std::size_t>(cy * cols_ + cx)];
        if (pixels < 2) return; // a lone pixel is noise
        pixels = 0;
        for (int y = cy * kCell; y < std::min(h_, (cy + 1) * kCell); ++y) {
            for (int x = cx * kCell; x < std::min(w_, (cx + 1) * kCell); ++x) {
                const int c = contrast_[static_cast<std::size_t>(y * w_ + x)];
                if (c == 0) continue;
                blob.x0 = std::min(blob.x0, x), blob.x1 = std::max(blob.x1, x + 1);
                blob.y0 = std::min(blob.y0, y), blob.y1 = std::max(blob.y1, y + 1);
                ++blob.area, blob.weight += c;
            }
        }
        for (int dy = -options_.link; dy <= options_.link; ++dy)
            for (int dx = -options_.link; dx <= options_.link; ++dx) flood(cx + dx, cy + dy, blob);
    }

    int w_, h_, cols_, rows_;
    BlobOptions options_;
    std::vector<int> contrast_, pixels_;
};

auto key(const Blob& b) { return std::tie(b.weight, b.area, b.x0, b.y0, b.x1, b.y1); }

void check_same(std::vector<Blob> got, std::vector<Blob> wanted) {
    const auto heavier = [](const Blob& a, const Blob& b) { return key(b) < key(a); };
    std::sort(got.begin(), got.end(), heavier);
    std::sort(wanted.begin(), wanted.end(), heavier);
    CHECK_EQUAL(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(key(got[i]) == key(wanted[i]));
}

std::vector<Blob> at(const BlobList& list, std::size_t frame) {
    return {list.blobs.begin() + list.first[frame], list.blobs.begin() + list.last[frame]};
}

}  // namespace

TEST(blobs_agree_with_a_flood_fill) {
    Random random(40);
    for (const auto& [w, h] : sizes(random, 12)) {
        const Picture plate = textured_picture(random, w, h);
        const TileGrid grid{w, h};
        std::vector<std::uint8_t> ignore(static_cast<std::size_t>(grid.count()));
        for (auto& tile : ignore) tile = pick(random, 0, 5) == 0;
        SparseRecorder recorder(w, h, {{0, 0}, 1, 1, 1e9, 1.0, 1.0});
        std::vector<Picture> frames;
        for (int i = 0; i < 8; ++i) {
            frames.push_back(plate);
            for (int n = pick(random, 0, 5); n > 0; --n) {
                const int x = pick(random, -5, w), y = pick(random, -5, h);
                draw_rect(frames.back(), x, y, x + pick(random, 1, 18), y + pick(random, 1, 18), pick(random, 0, 255), pick(random, 90, 160));
            }
            recorder.push(i, frames.back().view());
        }
        const auto segment = recorder.take();
        const BlobOptions options{20, pick(random, 0, 12), pick(random, 1, 3), 1000};
        const int begin = pick(random, 0, 4);
        const BlobList list = find_blobs(*segment, begin, 8, plate, ignore.data(), options);
        CHECK_EQUAL(list.first.size(), static_cast<std::size_t>(8 - begin));
        for (std::size_t f = 0; f < list.first.size(); ++f)
            check_same(at(list, f), NaiveBlobs(frames[f + static_cast<std::size_t>(begin)], plate, ignore, options).find());
    }
}

TEST(only_the_heaviest_blobs_are_kept) {
    const Picture plate = flat_picture(160, 48, 20);
    Picture frame = plate;
    for (int i = 0; i < 4; ++i) draw_rect(frame, 8 + 40 * i, 16, 16 + 40 * i, 24, 60 + 40 * i);
    SparseRecorder recorder(160, 48, {{16, 12}, 3, 3, 1e9, 1.0, 1.0});
    recorder.push(0, frame.view());
    const std::vector<std::uint8_t> none(30);
    const BlobList list = find_blobs(*recorder.take(), 0, 1, plate, none.data(), {20, 6, 2, 2});
    CHECK_EQUAL(list.blobs.size(), 2u);
    CHECK_EQUAL(list.blobs[0].x0, 128);
    CHECK_EQUAL(list.blobs[0].weight, 64 * 160);
    CHECK_EQUAL(list.blobs[0].cx, 132.0f);
    CHECK_EQUAL(list.blobs[0].cy, 20.0f);
    CHECK_EQUAL(list.blobs[1].x0, 88);
}

TEST(frames_without_a_change_share_blobs) {
    const Picture plate = flat_picture(64, 64, 20);
    Picture frame = plate;
    draw_rect(frame, 20, 20, 30, 30, 200);
    SparseRecorder recorder(64, 64, {{16, 12}, 3, 3, 1e9, 1.0, 1.0});
    for (int i = 0; i < 3; ++i) recorder.push(i, frame.view());
    const auto segment = recorder.take();
    std::vector<std::uint8_t> mask(16);
    const BlobList list = find_blobs(*segment, 0, 3, plate, mask.data(), {});
    CHECK_EQUAL(list.blobs.size(), 1u);
    for (std::size_t f = 0; f < 3; ++f) CHECK(list.first[f] == 0 && list.last[f] == 1);
    mask.assign(16, 1); // nothing is looked at, so nothing is found
    const BlobList masked = find_blobs(*segment, 0, 3, plate, mask.data(), {});
    CHECK_EQUAL(masked.blobs.size(), 0u);
    CHECK_EQUAL(masked.last.size(), 3u);
}
