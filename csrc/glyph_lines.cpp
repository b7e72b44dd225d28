#include "glyph_lines.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace narratrace {
namespace {

constexpr int kWidth = 8;           // pixels from one side of a line to the other, at most
constexpr std::size_t kFewCuts = 12; // fewer do not tell
constexpr std::size_t kMostCuts = 64;
constexpr std::size_t kFirst = 8;   // cuts after which a place with next to none of them is given up
constexpr int kFaint = 20;          // levels that a line must be expected to stand out by, to say something
constexpr float kSaying = 0.5f;     // share of the cuts that must say something for the others to count in full

using Place = std::pair<int, int>;

std::array<Byte, 3> colour(const GlyphPixel& p) { return {p.y, p.u, p.v}; }

// Pixels to the first of the outside in one direction, 0 when there is none near.
int reach(const std::map<Place, const GlyphPixel*>& at, Place from, int sx, int sy) {
    for (int n = 1; n < kWidth; ++n) {
        const auto p = at.find({from.first + n * sx, from.second + n * sy});
        if (p != at.end() && is(*p->second, GlyphRole::outside)) return n;
    }
    return 0;
}

}  // namespace

GlyphLines::GlyphLines(const std::vector<GlyphPixel>& pixels) {
    std::map<Place, const GlyphPixel*> at;
    for (const GlyphPixel& p : pixels) at[{p.dx, p.dy}] = &p;
    std::map<std::pair<Place, Place>, Cut> cuts;
    for (const auto& [place, pixel] : at) {
        if (!is(*pixel, GlyphRole::opaque)) continue;
        for (const bool down : {false, true}) {
            const int sx = down ? 0 : 1, sy = down ? 1 : 0;
            const int before = reach(at, place, -sx, -sy), after = reach(at, place, sx, sy);
            if (before == 0 || after == 0 || before + after > kWidth) continue;
            const Place from{place.first - before * sx, place.second - before * sy};
            const Place to{place.first + after * sx, place.second + after * sy};
            const auto [cut, fresh] = cuts.try_emplace(
                {from, to}, Cut{static_cast<std::int16_t>(from.first), static_cast<std::int16_t>(from.second),
                                static_cast<std::int16_t>(before + after), down, colour(*pixel), colour(*pixel)});
            for (std::size_t i = 0; i < 3; ++i) {
                cut->second.low[i] = std::min(cut->second.low[i], colour(*pixel)[i]);
                cut->second.high[i] = std::max(cut->second.high[i], colour(*pixel)[i]);
            }
        }
    }
    if (cuts.size() < kFewCuts) return;
    // Every seventh, then those beside them, so that the first few are from all over.
    std::vector<Cut> all;
    for (const auto& [ends, cut] : cuts) all.push_back(cut);
    const std::size_t n = std::min(all.size(), kMostCuts);
    for (std::size_t i = 0; i < 7; ++i)
        for (std::size_t k = i; k < n; k += 7) cuts_.push_back(all[k * all.size() / n]);
}

// 0..1, or less than 0 where the cut says nothing.
float GlyphLines::stands_out(const Patch& screen, const Cut& cut, int x, int y, bool marked) const {
    const int left = x + cut.dx, top = y + cut.dy;
    const std::ptrdiff_t step = cut.down ? screen.stride() : 1;
    const std::array<const Byte*, 3> rows{screen.y(left, top), screen.u(left, top), screen.v(left, top)};
    int expected = 0;
    std::size_t plane = 0;
    bool below = false; // whether it has less of that plane than both sides
    for (std::size_t i = 0; i < 3; ++i) {
        const int a = rows[i][0], b = rows[i][cut.length * step];
        const int less = std::min(a, b) - cut.low[i], more = cut.high[i] - std::max(a, b);
        if (std::max(less, more) > expected) expected = std::max(less, more), plane = i, below = less > more;
    }
    const bool unexpected = expected < kFaint;
    if (unexpected) plane = 0, below = cut.high[0] < 128; // a translucent line
    const Byte* row = rows[plane];
    const Byte* marks = marked ? screen.differs(left, top) : nullptr;
    int least = 255, most = 0;
    bool differs = !marked;
    for (int i = 1; i < cut.length; ++i) {
        least = std::min<int>(least, row[i * step]), most = std::max<int>(most, row[i * step]);
        differs = differs || marks[i * step] != 0;
    }
    if (!differs) return unexpected ? -1.0f : 0.0f;
    const int a = row[0], b = row[cut.length * step];
    const int actual = below ? std::min(a, b) - least : most - std::max(a, b);
    if (unexpected) return actual >= kFaint ? 1.0f : -1.0f;
    return std::clamp(2.0f * static_cast<float>(actual) / static_cast<float>(expected), 0.0f, 1.0f);
}

float GlyphLines::share(const Patch& screen, int x, int y, bool marked) const {
    const Rect& r = screen.rect();
    float found = 0;
    std::size_t saying = 0, seen = 0, looked = 0;
    for (const Cut& cut : cuts_) {
        if (++looked == kFirst + 1 && found < 1.0f && seen == kFirst) return 0.0f;
        const int left = x + cut.dx, top = y + cut.dy;
        const int right = left + (cut.down ? 0 : cut.length), bottom = top + (cut.down ? cut.length : 0);
        if (left < r.x0 || top < r.y0 || right >= r.x1 || bottom >= r.y1) continue;
        ++seen;
        const float value = stands_out(screen, cut, x, y, marked);
        if (value < 0) continue;
        ++saying, found += value;
    }
    if (3 * seen < cuts_.size() || seen == 0) return 0.0f;
    return found / std::max(static_cast<float>(saying), kSaying * static_cast<float>(seen));
}

}  // namespace narratrace
