#include <map>

#include "../history.hpp"
#include "../recorder.hpp"
#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

// One tile that shows a flat grey per frame; greys at least 40 apart are versions of their own.
std::shared_ptr<Segment> record(const std::vector<int>& greys, const std::vector<double>& times) {
    SparseRecorder recorder(16, 16, {{16, 12}, 3, 3, 1e9, 1.0, 1.0});
    for (std::size_t i = 0; i < greys.size(); ++i) recorder.push(times[i], flat_picture(16, 16, greys[i]).view());
    return recorder.take();
}

int grey(const Segment& segment, const Epoch& epoch) {
    return epoch.block < 0 ? segment.base.y.row(0)[0] : segment.blocks[static_cast<std::size_t>(epoch.block)].y[0];
}

struct Range {
    int first, last;
    double worth;
};

// Greatest total worth of disjoint ranges, by trying every subset.
double best_total(const std::vector<Range>& ranges) {
    double best = 0;
    for (unsigned subset = 0; subset < 1u << ranges.size(); ++subset) {
        double total = 0;
        bool disjoint = true;
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            if (!(subset >> i & 1)) continue;
            total += ranges[i].worth;
            for (std::size_t j = 0; j < i; ++j)
                if (subset >> j & 1) disjoint &= ranges[i].last <= ranges[j].first || ranges[j].last <= ranges[i].first;
        }
        if (disjoint) best = std::max(best, total);
    }
    return best;
}

}  // namespace

TEST(what_comes_back_is_the_background) {
    const auto segment = record({40, 40, 200, 200, 200, 200, 40, 40, 240, 40}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    const auto epochs = TileHistory(*segment).epochs(0, 10, {});
    CHECK_EQUAL(epochs.size(), 1u);
    CHECK_EQUAL(epochs[0].first, 0);
    CHECK_EQUAL(epochs[0].last, 10);
    CHECK_EQUAL(grey(*segment, epochs[0]), 40);
    CHECK_EQUAL(epochs[0].seen, 4.0f); // 0..2, 6..8; the last frame lasts no time
}

TEST(a_change_of_content_divides) {
    const auto segment = record({40, 40, 40, 200, 200, 200}, {0, 1, 2, 3, 4, 5});
    const auto epochs = TileHistory(*segment).epochs(0, 6, {});
    CHECK_EQUAL(epochs.size(), 2u);
    CHECK_EQUAL(grey(*segment, epochs[0]), 40);
    CHECK_EQUAL(epochs[0].last, 3);
    CHECK_EQUAL(epochs[1].first, 3);
    CHECK_EQUAL(grey(*segment, epochs[1]), 200);
}

TEST(tiles_without_a_change_have_no_epoch) {
    CHECK(TileHistory(*record({40, 40, 40}, {0, 1, 2})).epochs(0, 3, {}).empty());
    const auto segment = record({40, 200, 200, 200}, {0, 0.5, 1, 2});
    CHECK(TileHistory(*segment).epochs(1, 4, {}).empty());
    CHECK_EQUAL(TileHistory(*segment).epochs(0, 4, {}).size(), 1u); // what showed for 0.5 s costs 0.6
}

TEST(chosen_epochs_are_the_best_of_all_subsets) {
    Random random(30);
    for (int round = 0; round < 300; ++round) {
        const int n = pick(random, 1, 14), colors = pick(random, 2, 5);
        std::vector<int> greys;
        std::vector<double> times;
        double t = 0;
        for (int i = 0; i < n; ++i) greys.push_back(50 * pick(random, 0, colors - 1)), times.push_back(t += 0.1 * pick(random, 1, 10));
        const auto segment = record(greys, times);
        const auto at = [&](int frame) { return times[static_cast<std::size_t>(std::min(frame, n - 1))]; };
        std::map<int, Range> versions;
        std::map<int, double> seen;
        bool changes = false;
        for (int i = 0; i < n; ++i) {
            const int g = greys[static_cast<std::size_t>(i)];
            changes |= g != greys[0];
            versions.try_emplace(g, Range{i, i, 0}).first->second.last = i + 1;
            seen[g] += at(i + 1) - at(i);
        }
        const auto worth = [&](int g, int first, int last) { return at(last) - at(first) + 1e-6 * seen[g] - 0.6; };
        std::vector<Range> ranges;
        for (const auto& [g, r] : versions) ranges.push_back({r.first, r.last, worth(g, r.first, r.last)});
        const auto epochs = TileHistory(*segment).epochs(0, n, {});
        CHECK(changes || epochs.empty());
        if (!changes) continue;
        double total = 0;
        int end = 0;
        for (const Epoch& e : epochs) {
            CHECK(e.first >= end);
            end = e.last;
            const Range& r = versions.at(grey(*segment, e));
            CHECK(e.first == r.first && e.last == r.last);
            total += worth(grey(*segment, e), e.first, e.last);
        }
        CHECK(std::abs(total - best_total(ranges)) < 1e-9);
    }
}

TEST(stays_tell_what_came_and_went) {
    const std::uint8_t none = 0, all = 1;
    // 40 with a visitor of half a second, then 200 for two seconds, 40 again, and an end too short to count.
    const auto segment = record({40, 120, 40, 200, 40, 200, 40, 240}, {0, 1, 1.5, 3, 4, 4.2, 5, 7, 7});
    const TileHistory history(*segment);
    CHECK_EQUAL(history.epochs(0, 8, {}).size(), 1u);
    const auto stays = history.stays(0, 8, {}, 0.6, &none);
    CHECK_EQUAL(stays.size(), 3u);
    const int greys[] = {40, 200, 40}, first[] = {0, 3, 6}, last[] = {3, 6, 7};
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK_EQUAL(grey(*segment, stays[i]), greys[i]);
        CHECK_EQUAL(stays[i].first, first[i]);
        CHECK_EQUAL(stays[i].last, last[i]);
    }
    CHECK(history.stays(0, 8, {}, 0.6, &all).empty());
}

TEST(stays_are_long_apart_and_in_order) {
    Random random(32);
    const std::uint8_t none = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<int> greys;
        std::vector<double> times;
        double t = 0;
        for (int i = 0; i < 20; ++i) greys.push_back(50 * pick(random, 0, 3)), times.push_back(t += 0.1 * pick(random, 1, 10));
        const auto segment = record(greys, times);
        const auto stays = TileHistory(*segment).stays(0, 20, {}, 0.5, &none);
        for (std::size_t i = 0; i < stays.size(); ++i) {
            CHECK(stays[i].seen >= 0.5f - 1e-6f);
            CHECK_EQUAL(greys[static_cast<std::size_t>(stays[i].first)], grey(*segment, stays[i]));
            CHECK_EQUAL(greys[static_cast<std::size_t>(stays[i].last - 1)], grey(*segment, stays[i]));
            if (i == 0) continue;
            CHECK(stays[i - 1].last <= stays[i].first);
            CHECK(grey(*segment, stays[i - 1]) != grey(*segment, stays[i]));
        }
    }
}

TEST(block_at_names_what_is_on_the_screen) {
    Random random(31);
    const int w = 50, h = 35;
    SparseRecorder recorder(w, h, {{0, 0}, 1, 1, 1e9, 1.0, 1.0});
    Picture frame = random_picture(random, w, h);
    for (int i = 0; i < 15; ++i) {
        const int x = pick(random, 0, w - 1), y = pick(random, 0, h - 1);
        draw_rect(frame, x, y, x + 12, y + 12, pick(random, 0, 255));
        recorder.push(i, frame.view());
    }
    const auto segment = recorder.take();
    const TileHistory history(*segment);
    Replay replay(*segment);
    while (replay.step()) {
        Picture built = segment->base;
        for (int tile = 0; tile < segment->grid.count(); ++tile) {
            const int block = history.block_at(tile, replay.frame());
            if (block >= 0) store_block(segment->blocks[static_cast<std::size_t>(block)], segment->grid, tile, built);
        }
        CHECK(same_pixels(built, replay.screen()));
    }
}
