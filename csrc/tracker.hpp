// One trajectory through per-frame candidates, by global optimisation.
#pragma once

#include <cstdint>
#include <vector>

namespace narratrace {

/// A place where a pointer may be at one instant, and how much that is worth.
struct TrackPoint {
    float x, y;
    float reward; ///< gain of believing it, against "no pointer visible" (0); may be negative
};

struct TrackOptions {
    double show_cost = 1.5;      ///< price of a pointer that appears or disappears
    double speed = 4000;         ///< pixels per second a hand reaches with ease
    double step_cost = 0.15;     ///< price of moving by `step` pixels between frames
    double step = 20;            ///< pixels, see step_cost
    double jump_cost = 3.0;      ///< price of moving faster than `speed`
    double max_hold_s = 0.5;     ///< a node's reward counts at most this long while nothing changes
};

/// Picks at most one point per instant such that rewards (weighted by time) minus costs are greatest.
/// Points of instant i are points[first[i] .. last[i]); `times` increase. Returns the index of the chosen
/// point per instant, -1 for none. The result depends on the whole input only: there are no batches.
std::vector<std::int32_t> track(const std::vector<double>& times, const std::vector<std::uint32_t>& first,
                                const std::vector<std::uint32_t>& last, const std::vector<TrackPoint>& points,
                                const TrackOptions& options);

}  // namespace narratrace
