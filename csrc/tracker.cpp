#include "tracker.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narratrace {
namespace {

constexpr double kReferenceStep = 1.0 / 30.0; // rewards are per 1/30 s, so that they do not depend on frame rate

double move_cost(const TrackPoint& a, const TrackPoint& b, double dt, const TrackOptions& o) {
    const double d = std::hypot(b.x - a.x, b.y - a.y);
    double cost = o.step_cost * std::log1p(d / o.step);
    if (d > o.speed * std::max(dt, kReferenceStep)) cost += o.jump_cost;
    return cost;
}

}  // namespace

std::vector<std::int32_t> track(const std::vector<double>& times, const std::vector<std::uint32_t>& first,
                                const std::vector<std::uint32_t>& last, const std::vector<TrackPoint>& points,
                                const TrackOptions& options) {
    const std::size_t n = times.size();
    std::vector<std::int32_t> chosen(n, -1);
    if (n == 0) return chosen;
    // State 0 is "hidden", state k + 1 the k-th point of the instant.
    std::vector<std::vector<std::int32_t>> from(n);
    std::vector<double> value, next;
    const auto weight = [&](std::size_t i) {
        const double hold = i + 1 < n ? times[i + 1] - times[i] : kReferenceStep;
        return std::clamp(hold, 0.0, options.max_hold_s) / kReferenceStep;
    };
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t count = last[i] - first[i];
        next.assign(count + 1, -std::numeric_limits<double>::infinity());
        from[i].assign(count + 1, 0);
        for (std::size_t s = 0; s <= count; ++s) {
            const double reward = s == 0 ? 0.0 : points[first[i] + s - 1].reward * weight(i);
            if (i == 0) {
                next[s] = reward;
                continue;
            }
            for (std::size_t p = 0; p < value.size(); ++p) {
                double cost = 0;
                if ((s == 0) != (p == 0)) cost = options.show_cost;
                else if (s > 0)
                    cost = move_cost(points[first[i - 1] + p - 1], points[first[i] + s - 1], times[i] - times[i - 1], options);
                const double total = value[p] + reward - cost;
                if (total > next[s]) next[s] = total, from[i][s] = static_cast<std::int32_t>(p);
            }
        }
        value.swap(next);
    }
    auto state = static_cast<std::int32_t>(std::max_element(value.begin(), value.end()) - value.begin());
    for (std::size_t i = n; i-- > 0;) {
        if (state > 0) chosen[i] = static_cast<std::int32_t>(first[i]) + state - 1;
        state = from[i][static_cast<std::size_t>(state)];
    }
    return chosen;
}

}  // namespace narratrace
