#include "glyph_search.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>

namespace narratrace {
namespace {

constexpr double kHopeless = 0.4; // of the probes' similarity
constexpr std::size_t kCloseLooks = 4;
constexpr std::size_t kSpare = 2; // places looked at beyond those wanted
constexpr std::int64_t kFewPixels = 1 << 20; // of all places together: more of them cost more than a rough search may miss
constexpr std::int64_t kFewPlaces = 1 << 16; // a window that is searched with care in some milliseconds

bool better(const Match& a, const Match& b) {
    return std::tie(b.similarity, a.y, a.x) < std::tie(a.similarity, b.y, b.x);
}

bool inside(const Rect& window, int x, int y) {
    return x >= window.x0 && y >= window.y0 && x < window.x1 && y < window.y1;
}

// Best of the nine places around `from`, `step` apart, within the window.
template <typename Score>
Match step_from(Match from, int step, const Rect& window, Score score) {
    Match best = from;
    for (int y = from.y - step; y <= from.y + step; y += step) {
        for (int x = from.x - step; x <= from.x + step; x += step) {
            if (!inside(window, x, y) || (x == from.x && y == from.y)) continue;
            const float value = score(x, y);
            if (value > best.similarity) best = {x, y, value};
        }
    }
    return best;
}

int step_of(const Glyph& glyph, int parts) {
    return std::clamp(std::min(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0) / parts, 1, 4);
}

NARRATRACE_VECTOR void look_for(const GlyphProbe& probe, std::uint16_t weight, Byte tolerance, const Byte* y, const Byte* u,
                                const Byte* v, int n, std::uint16_t* __restrict found, std::uint16_t* __restrict visible) {
    const GlyphPixel& p = probe.pixel;
    for (int x = 0; x < n; ++x) {
        const Byte chroma = once_or_twice(std::max(distance(u[x], p.u), distance(v[x], p.v)), probe.chroma);
        const Byte contrast = std::max(distance(y[x], p.y), chroma);
        found[x] = static_cast<std::uint16_t>(found[x] + weight * static_cast<Byte>(tolerance - std::min(contrast, tolerance)));
        visible[x] = static_cast<std::uint16_t>(visible[x] + weight);
    }
}

// Similarity of the probes alone for all hot spots (x, y) of one row of a window, as sums over weights: on a whole
// screen nearly all places are nothing like the glyph, which a handful of pixels tells.
class Hints {
public:
    Hints(const Patch& screen, const Glyph& glyph, const Rect& window, int tolerance)
        : screen_(screen), glyph_(glyph), window_(window), tolerance_(static_cast<Byte>(tolerance)),
          found_(static_cast<std::size_t>(window.width())), visible_(found_.size()) {
        // So that the sums of a place fit 16 bits.
        const int most = 65535 / (255 * std::max<int>(1, static_cast<int>(glyph.probes().size())));
        for (const GlyphProbe& probe : glyph.probes()) {
            const int weight = std::max(1, probe.pixel.weight * std::max(1, most * 255 / std::max(1, tolerance)) / 255);
            weights_.push_back(static_cast<std::uint16_t>(weight));
            all_ += weight;
        }
    }

    void look(int y) {
        std::fill(found_.begin(), found_.end(), std::uint16_t{0});
        std::fill(visible_.begin(), visible_.end(), std::uint16_t{0});
        const Rect& r = screen_.rect();
        for (std::size_t i = 0; i < weights_.size(); ++i) {
            const GlyphProbe& probe = glyph_.probes()[i];
            const GlyphPixel& p = probe.pixel;
            if (y + p.dy < r.y0 || y + p.dy >= r.y1) continue;
            const int from = std::max(window_.x0, r.x0 - p.dx), to = std::min(window_.x1, r.x1 - p.dx);
            if (from >= to) continue;
            const int sx = from + p.dx, sy = y + p.dy;
            look_for(probe, weights_[i], tolerance_, screen_.y(sx, sy), screen_.u(sx, sy), screen_.v(sx, sy), to - from,
                     found_.data() + (from - window_.x0), visible_.data() + (from - window_.x0));
        }
    }

    bool hopeless(int x) const {
        const auto i = static_cast<std::size_t>(x - window_.x0);
        return 3 * visible_[i] < all_ || found_[i] < kHopeless * visible_[i] * tolerance_;
    }

private:
    const Patch& screen_;
    const Glyph& glyph_;
    const Rect window_;
    const Byte tolerance_;
    std::vector<std::uint16_t> weights_, found_, visible_;
    int all_ = 0;
};

}  // namespace

Match fit_glyph(const PictureView& screen, const PictureView& plate, const Glyph& glyph, const Rect& window,
                int tolerance, int threshold) {
    Patch patch(screen, glyph.around(window));
    patch.mark_differences(screen, plate, threshold);
    return fit_glyph(patch, glyph, window, tolerance);
}

Match fit_glyph(const Patch& screen, const Glyph& glyph, const Rect& window, int tolerance) {
    if (window.empty()) return {window.x0, window.y0, -2.0f};
    // Of every few rows, a cross has lines in one or none, and a step of two leaps over its strokes. Where that would
    // take long, something large is looked for.
    const std::int64_t pixels = static_cast<std::int64_t>(glyph.bounds().width()) * glyph.bounds().height();
    const bool thin = glyph.thin() && pixels * window.width() * window.height() <= kFewPixels;
    const auto close = [&](int x, int y) { return glyph.fit(screen, x, y, tolerance, Detail::close); };
    const auto rough = [&](int x, int y) { return glyph.fit(screen, x, y, tolerance, thin ? Detail::close : Detail::rough); };
    const int step = thin ? 1 : step_of(glyph, 10);
    std::vector<Match> coarse;
    for (int y = window.y0; y < window.y1; y += step)
        for (int x = window.x0; x < window.x1; x += step) coarse.push_back({x, y, rough(x, y)});
    // The best coarse places climb to their own maximum; the highest of them is looked at closely, with its neighbours.
    const std::size_t looks = std::min(coarse.size(), kCloseLooks);
    std::partial_sort(coarse.begin(), coarse.begin() + static_cast<std::ptrdiff_t>(looks), coarse.end(), better);
    coarse.resize(looks);
    for (Match& m : coarse)
        for (int s = step / 2; s >= 1; s /= 2) m = step_from(m, s, window, rough);
    Match best = *std::min_element(coarse.begin(), coarse.end(), better);
    best.similarity = close(best.x, best.y);
    for (int i = 0; i < 2; ++i) {
        const Match next = step_from(best, 1, window, close);
        if (next.x == best.x && next.y == best.y) break;
        best = next;
    }
    return best;
}

std::vector<Match> find_places(const PictureView& screen, const Glyph& glyph, const Rect& window, int tolerance,
                               int most) {
    std::vector<Match> coarse, climbed, out;
    if (window.empty() || glyph.probes().empty()) return out;
    const Patch patch(screen, glyph.around(window));
    const auto rough = [&](int x, int y) { return glyph.similarity(patch, x, y, tolerance, Detail::rough); };
    const auto close = [&](int x, int y) { return glyph.similarity(patch, x, y, tolerance, Detail::close); };
    // On paper of a pointer's own colour only its outline tells, which a wide step leaps over. Nor is any place farther
    // than the reach from a searched one.
    constexpr std::array kSteps{1, 3, 4};
    const bool few = static_cast<std::int64_t>(window.width()) * window.height() <= kFewPlaces;
    const int step = std::min(step_of(glyph, few ? 10 : 6), kSteps[static_cast<std::size_t>(glyph.reach())]);
    const int apart = std::max(2, std::max(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0) / 2);
    Hints hints(patch, glyph, window, tolerance);
    for (int y = window.y0; y < window.y1; y += step) {
        if (!glyph.is_lines()) hints.look(y);
        for (int x = window.x0; x < window.x1; x += step)
            if (glyph.is_lines() || !hints.hopeless(x)) coarse.push_back({x, y, rough(x, y)});
    }
    // Of many thousands only the best few climb to their own maximum. A rough look errs, so there are some to spare.
    const auto worse = [](const Match& a, const Match& b) { return better(b, a); };
    const auto near_any = [&](const std::vector<Match>& others, const Match& m) {
        return std::any_of(others.begin(), others.end(),
                           [&](const Match& o) { return std::abs(o.x - m.x) < apart && std::abs(o.y - m.y) < apart; });
    };
    std::make_heap(coarse.begin(), coarse.end(), worse);
    while (!coarse.empty() && climbed.size() < static_cast<std::size_t>(most) + kSpare) {
        std::pop_heap(coarse.begin(), coarse.end(), worse);
        Match m = coarse.back();
        coarse.pop_back();
        if (near_any(climbed, m)) continue;
        for (int s = step; s >= 1; s /= 2) m = step_from(m, s, window, rough);
        m.similarity = close(m.x, m.y);
        climbed.push_back(step_from(m, 1, window, close));
    }
    std::sort(climbed.begin(), climbed.end(), better);
    for (const Match& m : climbed)
        if (out.size() < static_cast<std::size_t>(most) && !near_any(out, m)) out.push_back(m);
    return out;
}

}  // namespace narratrace
