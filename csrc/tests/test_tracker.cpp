#include "../tracker.hpp"

#include <cmath>

#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

struct Problem {
    std::vector<double> times;
    std::vector<std::uint32_t> first, last;
    std::vector<TrackPoint> points;

    void add(double t, const std::vector<TrackPoint>& here) {
        times.push_back(t);
        first.push_back(static_cast<std::uint32_t>(points.size()));
        points.insert(points.end(), here.begin(), here.end());
        last.push_back(static_cast<std::uint32_t>(points.size()));
    }
    std::vector<std::int32_t> solve(const TrackOptions& o = {}) const { return track(times, first, last, points, o); }
};

// What a path is worth, as tracker.hpp defines it.
double worth(const Problem& p, const std::vector<std::int32_t>& path, const TrackOptions& o) {
    double total = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const double hold = i + 1 < path.size() ? std::min(p.times[i + 1] - p.times[i], o.max_hold_s) : 1.0 / 30;
        if (path[i] >= 0) total += p.points[static_cast<std::size_t>(path[i])].reward * hold * 30;
        if (i == 0) continue;
        if ((path[i] >= 0) != (path[i - 1] >= 0)) total -= o.show_cost;
        if (path[i] < 0 || path[i - 1] < 0) continue;
        const TrackPoint &a = p.points[static_cast<std::size_t>(path[i - 1])], &b = p.points[static_cast<std::size_t>(path[i])];
        const double d = std::hypot(double(b.x) - a.x, double(b.y) - a.y);
        total -= o.step_cost * std::log(1 + d / o.step);
        if (d > o.speed * std::max(p.times[i] - p.times[i - 1], 1.0 / 30)) total -= o.jump_cost;
    }
    return total;
}

double best_worth(const Problem& p, const TrackOptions& o, std::vector<std::int32_t>& path) {
    const std::size_t i = path.size();
    if (i == p.times.size()) return worth(p, path, o);
    double best = -1e300;
    for (auto k = static_cast<std::int32_t>(p.first[i]) - 1; k < static_cast<std::int32_t>(p.last[i]); ++k) {
        path.push_back(k < static_cast<std::int32_t>(p.first[i]) ? -1 : k);
        best = std::max(best, best_worth(p, o, path));
        path.pop_back();
    }
    return best;
}

TrackPoint random_point(Random& random) {
    return {static_cast<float>(pick(random, 0, 1280)), static_cast<float>(pick(random, 0, 720)),
            static_cast<float>(pick(random, -100, 150)) / 100};
}

}  // namespace

TEST(no_path_is_worth_more_than_the_tracked_one) {
    Random random(60);
    for (int round = 0; round < 400; ++round) {
        Problem p;
        double t = 0;
        for (int i = pick(random, 1, 6); i > 0; --i) {
            std::vector<TrackPoint> here(static_cast<std::size_t>(pick(random, 0, 3)));
            for (TrackPoint& point : here) point = random_point(random);
            p.add(t += 0.01 * pick(random, 1, 80), here);
        }
        TrackOptions o;
        o.speed = 100.0 * pick(random, 1, 60), o.show_cost = 0.5 * pick(random, 0, 6), o.jump_cost = pick(random, 0, 4);
        const std::vector<std::int32_t> path = p.solve(o);
        CHECK_EQUAL(path.size(), p.times.size());
        for (std::size_t i = 0; i < path.size(); ++i)
            CHECK(path[i] == -1 || (path[i] >= int(p.first[i]) && path[i] < int(p.last[i])));
        std::vector<std::int32_t> prefix;
        CHECK(std::abs(worth(p, path, o) - best_worth(p, o, prefix)) < 1e-6);
    }
}

TEST(a_steady_hand_beats_brighter_flashes) {
    Problem p;
    for (int i = 0; i < 30; ++i) {
        std::vector<TrackPoint> here{{100.0f + 4.0f * static_cast<float>(i), 200, 0.8f}};
        if (i % 7 == 3) here.push_back({900, 600, 1.0f});
        p.add(i / 30.0, here);
    }
    const auto path = p.solve();
    for (std::size_t i = 0; i < path.size(); ++i) CHECK_EQUAL(path[i], int(p.first[i]));
}

TEST(nothing_worth_believing_gives_no_path) {
    Problem p;
    CHECK(p.solve().empty());
    for (int i = 0; i < 10; ++i) p.add(i / 30.0, {{10, 10, -0.2f}});
    for (const std::int32_t chosen : p.solve()) CHECK_EQUAL(chosen, -1);
}
