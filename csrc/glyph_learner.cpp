#include "glyph_learner.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "byte_rows.hpp"

namespace narratrace {
namespace {

constexpr int kSearch = 3;          // pixels searched around each corner alignment
constexpr std::size_t kProbes = 400; // pixels compared during alignment
constexpr int kLanes = 16;          // shifts compared at once
static_assert(kLanes >= 2 * (2 * kSearch + 1));

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
    p.apart.assign(p.color.size(), 0);
    for (int y = p.real.y0; y < p.real.y1; ++y) {
        for (int x = p.real.x0; x < p.real.x1; ++x) {
            const int sx = p.x + x, sy = p.y + y;
            const Color c = p.color[p.index(x, y)] = pixel(screen, sx, sy);
            const bool in_box = x >= p.bx0 && x < p.bx1 && y >= p.by0 && y < p.by1;
            if (!in_box) continue;
            const int contrast = contrast_of(c, pixel(plate, sx, sy));
            if (contrast <= threshold) continue;
            p.apart[p.index(x, y)] = static_cast<std::uint8_t>(std::min(255, contrast));
            ++p.area;
        }
    }
    return p;
}

// A pixel of a reference that cutouts are compared with.
struct Probe {
    int x, y;
    Color color;
};

// Pixels evenly picked from those that `keep` accepts.
template <typename Keep, typename At>
std::vector<Probe> probes(int side, Keep keep, At color) {
    std::vector<Probe> all;
    for (int y = 0; y < side; ++y) {
        for (int x = 0; x < side; ++x) {
            const std::size_t i = static_cast<std::size_t>(y) * side + x;
            if (keep(i)) all.push_back({x, y, color(i)});
        }
    }
    if (all.size() <= kProbes) return all;
    std::vector<Probe> some;
    for (std::size_t i = 0; i < kProbes; ++i) some.push_back(all[i * all.size() / kProbes]);
    return some;
}

struct Shift {
    int dx = 0, dy = 0; // reference position = sample position + shift
    double score = -1e9;
};

// What neighbouring shifts of one row have in common with a reference.
struct Tally {
    std::array<std::uint32_t, kLanes> similar{}, counted{};
};

// A cutout laid out for comparing neighbouring shifts of it with something, with spare bytes beside each row.
class Canvas {
public:
    explicit Canvas(const Cutout& cutout)
        : side_(cutout.side), stride_(cutout.side + 2 * kLanes), size_(static_cast<std::size_t>(stride_) * cutout.side),
          planes_(5 * size_, 0) {
        for (int y = cutout.real.y0; y < cutout.real.y1; ++y) {
            for (int x = cutout.real.x0; x < cutout.real.x1; ++x) {
                const std::size_t from = cutout.index(x, y), to = static_cast<std::size_t>(y) * stride_ + kLanes + x;
                const Color& c = cutout.color[from];
                planes_[to] = c.y, planes_[to + size_] = c.u, planes_[to + 2 * size_] = c.v;
                planes_[to + 3 * size_] = 1, planes_[to + 4 * size_] = cutout.apart[from] != 0;
            }
        }
    }

    // Similarity of the probes to the pixels under them, and how many of those count: all that are on the screen, or only
    // those that differ from the plate. Lane k is of the shift (last - k, dy).
    NARRATRACE_VECTOR Tally compare(const std::vector<Probe>& probes, int last, int dy, int tolerance, bool differing) const {
        const auto limit = static_cast<Byte>(tolerance);
        Tally sum;
        std::uint32_t* __restrict similar = sum.similar.data();
        std::uint32_t* __restrict counted = sum.counted.data();
        for (const Probe& probe : probes) {
            const int x = probe.x - last, y = probe.y - dy;
            if (y < 0 || y >= side_ || x <= -kLanes || x >= side_) continue;
            const Byte* at = planes_.data() + static_cast<std::ptrdiff_t>(y) * stride_ + kLanes + x;
            const Byte *u = at + size_, *v = u + size_, *counts = at + (differing ? 4 : 3) * size_;
            for (int k = 0; k < kLanes; ++k) {
                const Byte chroma = twice(std::max(distance(u[k], probe.color.u), distance(v[k], probe.color.v)));
                const Byte apart = std::min(limit, std::max(distance(at[k], probe.color.y), chroma));
                similar[k] += static_cast<Byte>(counts[k] * static_cast<Byte>(limit - apart));
                counted[k] += counts[k];
            }
        }
        return sum;
    }

private:
    int side_, stride_;
    std::size_t size_;
    std::vector<Byte> planes_; // Y, U, V, what is on the screen, what differs from the plate
};

// Offsets at most kSearch from either of two, ascending.
std::vector<int> around(int a, int b) {
    std::vector<int> out;
    for (int d = std::min(a, b) - kSearch; d <= std::max(a, b) + kSearch; ++d)
        if (std::abs(d - a) <= kSearch || std::abs(d - b) <= kSearch) out.push_back(d);
    return out;
}

// The shift with the greatest agreement of those that put two corners of the boxes on each other, nearly: similar where
// both differ from the plate, minus a price for pixels that differ in only one of them.
Shift align(const Canvas& canvas, const Cutout& sample, const Cutout& reference, const std::vector<Probe>& probes,
            int tolerance) {
    const double scale = static_cast<double>(reference.area) / static_cast<double>(probes.size());
    const std::vector<int> across = around(reference.bx0 - sample.bx0, reference.bx1 - sample.bx1);
    Shift best;
    for (const int dy : around(reference.by0 - sample.by0, reference.by1 - sample.by1)) {
        for (std::size_t i = 0; i < across.size();) {
            std::size_t end = i + 1; // of the shifts without a gap
            while (end < across.size() && across[end] == across[end - 1] + 1) ++end;
            const int last = across[end - 1];
            const Tally sum = canvas.compare(probes, last, dy, tolerance, true);
            for (; i < end; ++i) {
                const auto k = static_cast<std::size_t>(last - across[i]);
                const double similar = static_cast<double>(sum.similar[k]) / tolerance;
                const double both = scale * sum.counted[k];
                const double score = scale * similar - 0.4 * (sample.area + reference.area - 2 * both);
                if (score > best.score) best = {across[i], dy, score};
            }
        }
    }
    return best;
}

// Moves a shift to where the sample best matches the opaque colours; its score becomes the similarity.
Shift refine(const Canvas& canvas, const std::vector<Probe>& probes, Shift start, int tolerance) {
    Shift best{start.dx, start.dy, -1.0};
    for (int dy = start.dy - kSearch; dy <= start.dy + kSearch; ++dy) {
        const int last = start.dx + kSearch;
        const Tally sum = canvas.compare(probes, last, dy, tolerance, false);
        for (int dx = start.dx - kSearch; dx <= last; ++dx) {
            const auto k = static_cast<std::size_t>(last - dx);
            if (2 * sum.counted[k] < probes.size()) continue;
            const double score = static_cast<double>(sum.similar[k]) / (static_cast<double>(tolerance) * sum.counted[k]);
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

    // Row `y` of the maps.
    void vote(int y, LearnedGlyph& out) {
        count(y, out.width);
        for (int x = 0; x < out.width; ++x) {
            const std::size_t at = static_cast<std::size_t>(y) * out.width + x;
            const auto voters = static_cast<float>(voters_at_[static_cast<std::size_t>(x)]);
            out.differs[at] = out.steady[at] = out.apart[at] = 0;
            out.opaque[at] = 0;
            if (voters == 0 || 2 * voters < static_cast<float>(voters_.size())) continue;
            out.differs[at] = static_cast<float>(differing_[static_cast<std::size_t>(x)]) / voters;
            if (out.differs[at] < 0.5f * options_.min_differs) continue;
            out.apart[at] = static_cast<float>(apart_[static_cast<std::size_t>(x)]) / static_cast<float>(differing_[static_cast<std::size_t>(x)]);
            collect(x, y);
            const Color m{median(&Color::y), median(&Color::u), median(&Color::v)};
            out.color[3 * at] = m.y, out.color[3 * at + 1] = m.u, out.color[3 * at + 2] = m.v;
            const auto steady = std::count_if(colors_.begin(), colors_.end(), [&](const Color& c) { return contrast_of(c, m) <= options_.steady; });
            out.steady[at] = static_cast<float>(steady) / voters;
            out.opaque[at] = out.differs[at] >= options_.min_differs && out.steady[at] >= options_.min_steady;
        }
    }

private:
    struct Voter {
        const Cutout* cutout;
        Shift shift;
    };

    // How many show each pixel of a row, and how many of them differ from the plate there.
    void count(int y, int width) {
        voters_at_.assign(static_cast<std::size_t>(width), 0);
        differing_.assign(static_cast<std::size_t>(width), 0);
        apart_.assign(static_cast<std::size_t>(width), 0);
        for (const auto& [cutout, shift] : voters_) {
            const int sy = y - shift.dy;
            if (sy < cutout->real.y0 || sy >= cutout->real.y1) continue;
            const int from = std::max(0, cutout->real.x0 + shift.dx), to = std::min(width, cutout->real.x1 + shift.dx);
            for (int x = from; x < to; ++x) {
                voters_at_[static_cast<std::size_t>(x)] += 1;
                const std::size_t at = cutout->index(x - shift.dx, sy);
                differing_[static_cast<std::size_t>(x)] += cutout->apart[at] != 0;
                apart_[static_cast<std::size_t>(x)] += cutout->apart[at];
            }
        }
    }

    // Takes in the colours of one pixel.
    void collect(int x, int y) {
        colors_.clear();
        for (const auto& [cutout, shift] : voters_) {
            const int sx = x - shift.dx, sy = y - shift.dy;
            if (cutout->inside(sx, sy)) colors_.push_back(cutout->color[cutout->index(sx, sy)]);
        }
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
    std::vector<int> voters_at_, differing_, apart_; // by column
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
    const auto shape = probes(
        side, [&](std::size_t i) { return reference.apart[i] != 0; }, [&](std::size_t i) { return reference.color[i]; });
    if (shape.empty()) return out;
    std::vector<Canvas> canvases(cutouts.begin(), cutouts.end());
    std::vector<Shift> shifts;
    for (std::size_t i = 0; i < cutouts.size(); ++i)
        shifts.push_back(align(canvases[i], cutouts[i], reference, shape, options.tolerance));

    out.width = out.height = side;
    const auto pixels = static_cast<std::size_t>(side) * side;
    out.color.assign(3 * pixels, 0);
    out.differs.assign(pixels, 0);
    out.steady.assign(pixels, 0);
    out.apart.assign(pixels, 0);
    out.opaque.assign(pixels, 0);
    for (int round = 0; round < 2; ++round) {
        Ballot ballot(cutouts, shifts, options);
        for (int y = 0; y < side; ++y) ballot.vote(y, out);
        const auto core = probes(
            side, [&](std::size_t i) { return out.opaque[i] != 0; },
            [&](std::size_t i) { return Color{out.color[3 * i], out.color[3 * i + 1], out.color[3 * i + 2]}; });
        if (core.empty()) return LearnedGlyph{};
        for (std::size_t i = 0; i < cutouts.size(); ++i) {
            shifts[i] = refine(canvases[i], core, shifts[i], options.tolerance);
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
