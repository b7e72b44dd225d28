// Whether a frame's changes belong to the stretch before it, or begin another.
#pragma once

#include <deque>

namespace narratrace {

/// Judges frames by how many of their tiles changed. A frame with more than `max_stored` of all tiles begins another
/// stretch; so does a `sudden` one.
class ChangeJudge {
public:
    /// `sudden`: share of the tiles that a frame changes, over four times as many as any in the `sudden_s` before.
    ChangeJudge(int tiles, double max_stored, double sudden, double sudden_s)
        : limit_(max_stored * tiles), sudden_(sudden * tiles), sudden_s_(sudden_s) {}

    /// Whether the changes of the next frame, at `t`, are kept.
    bool keeps(double t, int changed);

private:
    struct Count {
        double t;
        int changed;
    };
    double limit_, sudden_, sudden_s_;
    std::deque<Count> recent_; // frames of the last sudden_s without those that a later one exceeds
};

}  // namespace narratrace
