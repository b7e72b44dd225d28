#include "glyph_learner.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace narratrace {
namespace {

constexpr int kSearch = 3;          // pixels searched around each corner alignment
constexpr std::size_t kProbes = 400; // pixels compared during alignment

using Cutout = GlyphCutout;
using Color = Cutout::Color;

int contrast_of(const Color& a, const Color& b) { return pixel_contrast(a.y - b.y, a.u - b.u, a.v - b.v); }

Color pixel(const PictureView& view, int x, int y) {
    return {view.y.at(x, y), view.u.at(x / 2, y / 2), view.v.at(x / 2, y / 2)};
}

Cutout cut(const PictureView& screen, const PictureView& plate, const GlyphSample& s, int side, int threshold) {
    Cutout p;
    p.side = side;
    p.x = (s.x0 + s.x1 - side) / 2;
    p.y = (s.y0 + s.y1 - side) / 2;
    p.bx0 = s.x0 - p.x, p.by0 = s.y0 - p.y, p.bx1 = s.x1 - p.x, p.by1 = s.y1 - p.y;
    p.real = Rect{-p.x, -p.y, screen.y.width - p.x, screen.y.height - p.y}.within(side, side);
    p.color.resize(static_cast<std::size_t>(side) * side);
    p.differs.assign(p.color.size(), 0);
    for (int y = p.real.y0; y < p.real.y1; ++y) {
        for (int x = p.real.x0; x < p.real.x1; ++x) {
            const int sx = p.x + x, sy = p.y + y;
            const Color c = p.color[p.index(x, y)] = pixel(screen, sx, sy);
            const bool in_box = x >= p.bx0 && x < p.bx1 && y >= p.by0 && y < p.by1;
            if (in_box && contrast_of(c, pixel(plate, sx, sy)) > threshold) p.differs[p.index(x, y)] = 1, ++p.area;
        }
    }
    return p;
}

// Positions evenly picked from those that `keep` accepts.
template <typename Keep>
std::vector<std::pair<int, int>> probes(int side, Keep keep) {
    std::vector<std::pair<int, int>> all;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            if (keep(static_cast<std::size_t>(y) * side + x)) all.emplace_back(x, y);
    if (all.size() <= kProbes) return all;
    std::vector<std::pair<int, int>> some;
    for (std::size_t i = 0; i < kProbes; ++i) some.push_back(all[i * all.size() / kProbes]);
    return some;
}

struct Shift {
    int dx = 0, dy = 0; // reference position = sample position + shift
    double score = -1e9;
};

// Agreement of a sample with the reference: similar where both differ from the plate, minus a price for
// pixels that differ in only one of them.
double agreement(const Cutout& sample, const Cutout& reference, const std::vector<std::pair<int, int>>& probe,
                 int dx, int dy, int tolerance) {
    double similar = 0;
    int both = 0;
    for (const auto& [x, y] : probe) {
        const int sx = x - dx, sy = y - dy;
        if (!sample.inside(sx, sy) || !sample.differs[sample.index(sx, sy)]) continue;
        ++both;
        const int c = contrast_of(sample.color[sample.index(sx, sy)], reference.color[reference.index(x, y)]);
        similar += std::max(0.0, 1.0 - static_cast<double>(c) / tolerance);
    }
    const double scale = static_cast<double>(reference.area) / static_cast<double>(probe.size());
    return scale * similar - 0.4 * (sample.area + reference.area - 2 * scale * both);
}

// Offsets at most kSearch from either of two, ascending.
std::vector<int> around(int a, int b) {
    std::vector<int> out;
    for (int d = std::min(a, b) - kSearch; d <= std::max(a, b) + kSearch; ++d)
        if (std::abs(d - a) <= kSearch || std::abs(d - b) <= kSearch) out.push_back(d);
    return out;
}

// The shift with the greatest agreement of those that put two corners of the boxes on each other, nearly.
Shift align(const Cutout& sample, const Cutout& reference, const std::vector<std::pair<int, int>>& probe, int tolerance) {
    Shift best;
    for (const int dy : around(reference.by0 - sample.by0, reference.by1 - sample.by1)) {
        for (const int dx : around(reference.bx0 - sample.bx0, reference.bx1 - sample.bx1)) {
            const double score = agreement(sample, reference, probe, dx, dy, tolerance);
            if (score > best.score) best = {dx, dy, score};
        }
    }
    return best;
}

// Moves a shift to where the sample best matches the opaque colours; its score becomes the similarity.
Shift refine(const Cutout& sample, const LearnedGlyph& glyph, const std::vector<std::pair<int, int>>& probe,
             Shift start, int tolerance) {
    Shift best{start.dx, start.dy, -1.0};
    for (int dy = start.dy - kSearch; dy <= start.dy + kSearch; ++dy) {
        for (int dx = start.dx - kSearch; dx <= start.dx + kSearch; ++dx) {
            double similar = 0;
            int seen = 0;
            for (const auto& [x, y] : probe) {
                const int sx = x - dx, sy = y - dy;
                if (!sample.inside(sx, sy)) continue;
                ++seen;
                const std::size_t i = 3 * (static_cast<std::size_t>(y) * glyph.width + x);
                const int c = contrast_of(sample.color[sample.index(sx, sy)], {glyph.color[i], glyph.color[i + 1], glyph.color[i + 2]});
                similar += std::max(0.0, 1.0 - static_cast<double>(c) / tolerance);
            }
            if (2 * seen < static_cast<int>(probe.size())) continue;
            const double score = similar / seen;
            if (score > best.score) best = {dx, dy, score};
        }
    }
    return best;
}

// Votes of the aligned samples on the pixels of the reference.
class Ballot {
public:
    Ballot(const std::vector<Cutout>& cutouts, const std::vector<Shift>& shifts, const LearnOptions& options)
        : options_(options) {
        for (std::size_t i = 0; i < cutouts.size(); ++i)
            if (shifts[i].score >= 0) voters_.push_back({&cutouts[i], shifts[i]});
    }

    void vote(int x, int y, LearnedGlyph& out) {
        const std::size_t at = static_cast<std::size_t>(y) * out.width + x;
        out.differs[at] = out.steady[at] = 0;
        out.opaque[at] = 0;
        const int differing = collect(x, y);
        if (2 * colors_.size() < voters_.size() || colors_.empty()) return;
        const auto count = static_cast<float>(colors_.size());
        out.differs[at] = static_cast<float>(differing) / count;
        if (out.differs[at] < 0.5f * options_.min_differs) return;
        const Color m{median(&Color::y), median(&Color::u), median(&Color::v)};
        out.color[3 * at] = m.y, out.color[3 * at + 1] = m.u, out.color[3 * at + 2] = m.v;
        const auto steady = std::count_if(colors_.begin(), colors_.end(), [&](const Color& c) { return contrast_of(c, m) <= options_.steady; });
        out.steady[at] = static_cast<float>(steady) / count;
        out.opaque[at] = out.differs[at] >= options_.min_differs && out.steady[at] >= options_.min_steady;
    }

private:
    struct Voter {
        const Cutout* cutout;
        Shift shift;
    };

    // Takes in the colours of one pixel; returns how many of them differ from the plate.
    int collect(int x, int y) {
        colors_.clear();
        int differing = 0;
        for (const auto& [cutout, shift] : voters_) {
            const int sx = x - shift.dx, sy = y - shift.dy;
            if (!cutout->inside(sx, sy)) continue;
            colors_.push_back(cutout->color[cutout->index(sx, sy)]);
            differing += cutout->differs[cutout->index(sx, sy)];
        }
        return differing;
    }

    std::uint8_t median(std::uint8_t Color::*channel) {
        values_.clear();
        for (const Color& c : colors_) values_.push_back(c.*channel);
        const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(values_.size() / 2);
        std::nth_element(values_.begin(), middle, values_.end());
        return *middle;
    }

    const LearnOptions& options_;
    std::vector<Voter> voters_;
    std::vector<Color> colors_;
    std::vector<std::uint8_t> values_;
};

std::size_t reference_cutout(const std::vector<Cutout>& cutouts) {
    std::vector<int> areas;
    for (const Cutout& p : cutouts) areas.push_back(p.area);
    std::sort(areas.begin(), areas.end());
    const int typical = areas[areas.size() / 2];
    std::vector<std::size_t> fit;
    for (std::size_t i = 0; i < cutouts.size(); ++i)
        if (2 * cutouts[i].area >= typical && 2 * cutouts[i].area <= 3 * typical) fit.push_back(i);
    std::stable_sort(fit.begin(), fit.end(), [&](std::size_t a, std::size_t b) { return cutouts[a].area < cutouts[b].area; });
    return fit[fit.size() * 4 / 5]; // complete, but not one that has merged with something else
}

}  // namespace

std::vector<GlyphCutout> cut_out(const Segment& segment, const Picture& plate, const std::vector<GlyphSample>& samples,
                                 const LearnOptions& options) {
    int side = 0;
    for (const GlyphSample& s : samples) side = std::max({side, s.x1 - s.x0, s.y1 - s.y0});
    side += 2 * options.margin;
    std::vector<GlyphCutout> cutouts;
    Replay replay(segment, samples.empty() ? 0 : samples.front().frame);
    for (const GlyphSample& s : samples) {
        while (replay.frame() < s.frame && replay.step()) {}
        cutouts.push_back(cut(replay.screen().view(), plate.view(), s, side, options.threshold));
    }
    return cutouts;
}

LearnedGlyph learn_glyph(const std::vector<GlyphCutout>& cutouts, const LearnOptions& options) {
    LearnedGlyph out;
    if (cutouts.size() < 3) return out;
    const Cutout& reference = cutouts[reference_cutout(cutouts)];
    const int side = reference.side;
    const auto shape = probes(side, [&](std::size_t i) { return reference.differs[i] != 0; });
    if (shape.empty()) return out;
    std::vector<Shift> shifts;
    for (const Cutout& p : cutouts) shifts.push_back(align(p, reference, shape, options.tolerance));

    out.width = out.height = side;
    const auto pixels = static_cast<std::size_t>(side) * side;
    out.color.assign(3 * pixels, 0);
    out.differs.assign(pixels, 0);
    out.steady.assign(pixels, 0);
    out.opaque.assign(pixels, 0);
    for (int round = 0; round < 2; ++round) {
        Ballot ballot(cutouts, shifts, options);
        for (int y = 0; y < side; ++y)
            for (int x = 0; x < side; ++x) ballot.vote(x, y, out);
        const auto core = probes(side, [&](std::size_t i) { return out.opaque[i] != 0; });
        if (core.empty()) return LearnedGlyph{};
        for (std::size_t i = 0; i < cutouts.size(); ++i) {
            shifts[i] = refine(cutouts[i], out, core, shifts[i], options.tolerance);
            if (shifts[i].score < options.min_similarity) shifts[i].score = -1.0;
        }
        if (std::count_if(shifts.begin(), shifts.end(), [](const Shift& s) { return s.score >= 0; }) < 3) return LearnedGlyph{};
    }
    for (std::size_t i = 0; i < cutouts.size(); ++i) {
        out.similarity.push_back(static_cast<float>(shifts[i].score));
        out.x.push_back(cutouts[i].x - shifts[i].dx);
        out.y.push_back(cutouts[i].y - shifts[i].dy);
    }
    return out;
}

}  // namespace narratrace
