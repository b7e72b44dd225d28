#include "change_judge.hpp"

namespace narratrace {
// The frame just before is not enough to go by: a webcam's pictures may come with every third frame of a recording.
// Frames that change nearly everything are not counted: what follows a cut is still part of it.
bool ChangeJudge::keeps(double t, int changed) {
    while (!recent_.empty() && t - recent_.front().t > sudden_s_) recent_.pop_front();
    const int most = recent_.empty() ? 0 : recent_.front().changed;
    const bool little = changed <= limit_;
    while (little && !recent_.empty() && recent_.back().changed <= changed) recent_.pop_back();
    if (little) recent_.push_back({t, changed});
    return little && !(changed > sudden_ && changed > 4 * most);
}

}  // namespace narratrace
