#include "glyph.hpp"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <tuple>

namespace narratrace {

namespace {

constexpr std::size_t kMaxPixels = 512; // large halos are thinned out: more pixels tell nothing new
constexpr std::size_t kMaxProbes = 96;
constexpr std::size_t kFirstProbes = 12;
constexpr float kHopeless = 0.4f;
constexpr std::size_t kCloseLooks = 4;

std::vector<GlyphPixel> thin_out(const std::vector<GlyphPixel>& pixels, std::size_t most) {
    if (pixels.size() <= most) return pixels;
    std::vector<GlyphPixel> kept;
    for (std::size_t i = 0; i < most; ++i) kept.push_back(pixels[i * pixels.size() / most]);
    return kept;
}

bool is(const GlyphPixel& p, GlyphRole role) { return p.role == static_cast<std::uint8_t>(role); }

int contrast_to(const PictureView& a, const GlyphPixel& p, int x, int y) {
    return pixel_contrast(a.y.at(x, y) - p.y, a.u.at(x / 2, y / 2) - p.u, a.v.at(x / 2, y / 2) - p.v);
}

bool on_screen(const PictureView& screen, const Glyph& glyph, int x, int y) {
    constexpr int kRim = 8; // outside pixels reach a little beyond the box
    return x + glyph.x0 >= kRim && y + glyph.y0 >= kRim && x + glyph.x1 + kRim <= screen.y.width &&
           y + glyph.y1 + kRim <= screen.y.height;
}

float similarity_of(const PictureView& screen, const Glyph& glyph, const std::vector<GlyphPixel>& pixels, int x, int y,
                    int tolerance) {
    std::int64_t found = 0, visible = 0, all = 0;
    const bool inside = on_screen(screen, glyph, x, y);
    for (const GlyphPixel& p : pixels) {
        if (!is(p, GlyphRole::opaque)) continue;
        const int px = x + p.dx, py = y + p.dy;
        all += p.weight;
        if (!inside && (px < 0 || py < 0 || px >= screen.y.width || py >= screen.y.height)) continue;
        visible += p.weight;
        found += p.weight * std::max(0, tolerance - contrast_to(screen, p, px, py));
    }
    if (3 * visible < all || visible == 0) return 0.0f;
    return static_cast<float>(static_cast<double>(found) / (static_cast<double>(visible) * tolerance));
}

float fit_of(const PictureView& screen, const PictureView& plate, const Glyph& glyph,
             const std::vector<GlyphPixel>& pixels, int x, int y, int tolerance, int threshold) {
    std::int64_t found = 0, visible = 0, all = 0;
    const bool inside = on_screen(screen, glyph, x, y);
    for (const GlyphPixel& p : pixels) {
        const int px = x + p.dx, py = y + p.dy;
        const bool pointer = !is(p, GlyphRole::outside);
        if (pointer) all += p.weight;
        if (!inside && (px < 0 || py < 0 || px >= screen.y.width || py >= screen.y.height)) continue;
        if (pointer) visible += p.weight;
        if (is(p, GlyphRole::opaque)) {
            found += p.weight * std::max(0, tolerance - contrast_to(screen, p, px, py));
            continue;
        }
        const int c = pixel_contrast(screen.y.at(px, py) - plate.y.at(px, py),
                                     screen.u.at(px / 2, py / 2) - plate.u.at(px / 2, py / 2),
                                     screen.v.at(px / 2, py / 2) - plate.v.at(px / 2, py / 2));
        if (c > threshold) found += (pointer ? p.weight : -p.weight) * tolerance;
    }
    if (3 * visible < all || visible == 0) return 0.0f;
    return static_cast<float>(static_cast<double>(found) / (static_cast<double>(visible) * tolerance));
}

// Best of the nine places around `from`, `step` apart, within the window.
template <typename Score>
Match step_from(Match from, int step, int x0, int y0, int x1, int y1, Score score) {
    Match best = from;
    for (int y = from.y - step; y <= from.y + step; y += step) {
        for (int x = from.x - step; x <= from.x + step; x += step) {
            if (x < x0 || y < y0 || x >= x1 || y >= y1 || (x == from.x && y == from.y)) continue;
            const float value = score(x, y);
            if (value > best.similarity) best = {x, y, value};
        }
    }
    return best;
}

// Coarse to fine: `rough` scores a place with few pixels, `close` with all. The best coarse places climb to
// their own maximum by halved steps; the highest of them is looked at closely, with its neighbours.
template <typename Rough, typename Close>
Match search(const Glyph& glyph, int x0, int y0, int x1, int y1, Rough rough, Close close) {
    const int step = std::clamp(std::min(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0) / 10, 1, 4);
    std::vector<Match> coarse;
    for (int y = y0; y < y1; y += step)
        for (int x = x0; x < x1; x += step) coarse.push_back({x, y, rough(x, y)});
    if (coarse.empty()) return {x0, y0, -2.0f};
    const auto better = [](const Match& a, const Match& b) {
        return std::tie(b.similarity, a.y, a.x) < std::tie(a.similarity, b.y, b.x);
    };
    const std::size_t looks = std::min(coarse.size(), kCloseLooks);
    std::partial_sort(coarse.begin(), coarse.begin() + static_cast<std::ptrdiff_t>(looks), coarse.end(), better);
    coarse.resize(looks);
    for (Match& m : coarse)
        for (int s = step / 2; s >= 1; s /= 2) m = step_from(m, s, x0, y0, x1, y1, rough);
    Match best = *std::min_element(coarse.begin(), coarse.end(), better);
    best.similarity = close(best.x, best.y);
    for (int i = 0; i < 2; ++i) {
        const Match next = step_from(best, 1, x0, y0, x1, y1, close);
        if (next.x == best.x && next.y == best.y) break;
        best = next;
    }
    return best;
}

}  // namespace

Glyph::Glyph(const std::vector<GlyphPixel>& pixels) : probes(thin_out(pixels, kMaxProbes)), all(thin_out(pixels, kMaxPixels)) {
    std::copy_if(pixels.begin(), pixels.end(), std::back_inserter(opaque), [](const GlyphPixel& p) { return is(p, GlyphRole::opaque); });
    opaque = thin_out(opaque, kMaxPixels);
    x0 = y0 = std::numeric_limits<int>::max();
    x1 = y1 = std::numeric_limits<int>::min();
    for (const GlyphPixel& p : pixels) {
        if (is(p, GlyphRole::outside)) continue;
        x0 = std::min<int>(x0, p.dx), x1 = std::max<int>(x1, p.dx + 1);
        y0 = std::min<int>(y0, p.dy), y1 = std::max<int>(y1, p.dy + 1);
    }
    if (x1 <= x0) throw std::invalid_argument("a glyph needs at least one pixel of its own");
}

float glyph_similarity(const PictureView& screen, const Glyph& glyph, int x, int y, int tolerance) {
    return similarity_of(screen, glyph, glyph.opaque, x, y, tolerance);
}

float glyph_fit(const PictureView& screen, const PictureView& plate, const Glyph& glyph, int x, int y, int tolerance,
                int threshold) {
    return fit_of(screen, plate, glyph, glyph.all, x, y, tolerance, threshold);
}

Match find_glyph(const PictureView& screen, const Glyph& glyph, int x0, int y0, int x1, int y1, int tolerance) {
    // On a whole screen nearly all places are nothing like the glyph, which a handful of pixels tells.
    const std::vector<GlyphPixel> few = thin_out(glyph.opaque, kMaxProbes), first = thin_out(few, kFirstProbes);
    return search(glyph, x0, y0, x1, y1,
                  [&](int x, int y) {
                      const float hint = similarity_of(screen, glyph, first, x, y, tolerance);
                      return hint < kHopeless ? 0.5f * hint : similarity_of(screen, glyph, few, x, y, tolerance);
                  },
                  [&](int x, int y) { return glyph_similarity(screen, glyph, x, y, tolerance); });
}

Match fit_glyph(const PictureView& screen, const PictureView& plate, const Glyph& glyph, int x0, int y0, int x1, int y1,
                int tolerance, int threshold) {
    return search(glyph, x0, y0, x1, y1,
                  [&](int x, int y) { return fit_of(screen, plate, glyph, glyph.probes, x, y, tolerance, threshold); },
                  [&](int x, int y) { return glyph_fit(screen, plate, glyph, x, y, tolerance, threshold); });
}

namespace {

Candidate look(const PictureView& screen, const PictureView& plate, const Glyph& glyph, const Blob& blob,
               const CandidateOptions& o) {
    // Where the glyph's box and the blob's box touch the same edges; the blob may be larger than the glyph
    // (a merged neighbour) or smaller (parts that look like the background).
    const auto [xa, xb] = std::minmax({blob.x0 - glyph.x0, blob.x1 - glyph.x1});
    const auto [ya, yb] = std::minmax({blob.y0 - glyph.y0, blob.y1 - glyph.y1});
    const Match m = fit_glyph(screen, plate, glyph, xa - o.margin, ya - o.margin, xb + o.margin + 1, yb + o.margin + 1,
                              o.tolerance, o.threshold);
    return {static_cast<float>(m.x) + 0.5f, static_cast<float>(m.y) + 0.5f, m.similarity,
            glyph_similarity(screen, glyph, m.x, m.y, o.tolerance), glyph_similarity(plate, glyph, m.x, m.y, o.tolerance), 0, 0};
}

}  // namespace

namespace {

// Candidates of frames [from, to) of the blob list; offsets count from the first of them.
CandidateList candidates_between(const Segment& segment, int begin, const Picture& plate, const BlobList& blobs,
                                 const std::vector<Glyph>& glyphs, const CandidateOptions& options, std::size_t from,
                                 std::size_t to) {
    CandidateList list;
    Replay replay(segment, begin + static_cast<int>(from));
    for (std::size_t f = from; f < to && replay.step(); ++f) {
        if (f > from && blobs.first[f] == blobs.first[f - 1] && blobs.last[f] == blobs.last[f - 1]) {
            list.first.push_back(list.first.back());
            list.last.push_back(list.last.back());
            continue;
        }
        list.first.push_back(static_cast<std::uint32_t>(list.candidates.size()));
        const std::uint32_t end = std::min(blobs.last[f], blobs.first[f] + static_cast<std::uint32_t>(options.max_blobs));
        for (std::uint32_t b = blobs.first[f]; b < end; ++b) {
            const Blob& blob = blobs.blobs[b];
            if (blob.x1 - blob.x0 > options.max_size || blob.y1 - blob.y0 > options.max_size) continue;
            for (std::size_t g = 0; g < glyphs.size(); ++g) {
                Candidate c = look(replay.screen().view(), plate.view(), glyphs[g], blob, options);
                c.glyph = static_cast<std::int32_t>(g);
                c.blob = static_cast<std::int32_t>(b);
                list.candidates.push_back(c);
                if (c.fit >= options.good_fit) break;
            }
        }
        list.last.push_back(static_cast<std::uint32_t>(list.candidates.size()));
    }
    return list;
}

}  // namespace

CandidateList find_candidates(const Segment& segment, int begin, const Picture& plate, const BlobList& blobs,
                              const std::vector<Glyph>& glyphs, CandidateOptions options, int threads) {
    constexpr std::size_t kLeast = 32; // frames that are worth a thread
    const std::size_t frames = blobs.first.size();
    const std::size_t parts = std::clamp<std::size_t>(frames / kLeast, 1, static_cast<std::size_t>(std::max(1, threads)));
    std::vector<std::future<CandidateList>> others;
    const auto part = [&](std::size_t i) {
        return candidates_between(segment, begin, plate, blobs, glyphs, options, frames * i / parts, frames * (i + 1) / parts);
    };
    for (std::size_t i = 1; i < parts; ++i) others.push_back(std::async(std::launch::async, part, i));
    CandidateList list = part(0);
    for (auto& other : others) {
        const CandidateList more = other.get();
        const auto offset = static_cast<std::uint32_t>(list.candidates.size());
        list.candidates.insert(list.candidates.end(), more.candidates.begin(), more.candidates.end());
        for (const std::uint32_t i : more.first) list.first.push_back(i + offset);
        for (const std::uint32_t i : more.last) list.last.push_back(i + offset);
    }
    return list;
}

std::vector<Match> find_places(const PictureView& screen, const Glyph& glyph, int x0, int y0, int x1, int y1,
                               int tolerance, int most) {
    const int apart = std::max(2, std::max(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0) / 2);
    const std::vector<GlyphPixel> few = thin_out(glyph.opaque, kMaxProbes), first = thin_out(few, kFirstProbes);
    const auto rough = [&](int x, int y) { return similarity_of(screen, glyph, few, x, y, tolerance); };
    const auto close = [&](int x, int y) { return glyph_similarity(screen, glyph, x, y, tolerance); };
    const int step = std::clamp(std::min(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0) / 6, 1, 4);
    std::vector<Match> coarse, out;
    for (int y = y0; y < y1; y += step)
        for (int x = x0; x < x1; x += step)
            if (similarity_of(screen, glyph, first, x, y, tolerance) >= kHopeless) coarse.push_back({x, y, rough(x, y)});
    std::sort(coarse.begin(), coarse.end(), [](const Match& a, const Match& b) {
        return std::tie(b.similarity, a.y, a.x) < std::tie(a.similarity, b.y, b.x);
    });
    for (Match m : coarse) {
        if (out.size() == static_cast<std::size_t>(most)) break;
        const auto near = [&](const Match& o) { return std::abs(o.x - m.x) < apart && std::abs(o.y - m.y) < apart; };
        if (std::any_of(out.begin(), out.end(), near)) continue;
        for (int s = step; s >= 1; s /= 2) m = step_from(m, s, x0, y0, x1, y1, rough);
        m.similarity = close(m.x, m.y);
        out.push_back(step_from(m, 1, x0, y0, x1, y1, close));
    }
    return out;
}

CandidateList find_on_screen(const Segment& segment, const std::vector<std::int32_t>& frames, const Glyph& glyph, int x0,
                             int y0, int x1, int y1, int tolerance, int most) {
    CandidateList list;
    Replay replay(segment);
    for (const std::int32_t frame : frames) {
        while (replay.frame() < frame && replay.step()) {}
        list.first.push_back(static_cast<std::uint32_t>(list.candidates.size()));
        for (const Match& m : find_places(replay.screen().view(), glyph, x0, y0, x1, y1, tolerance, most))
            list.candidates.push_back({static_cast<float>(m.x) + 0.5f, static_cast<float>(m.y) + 0.5f, m.similarity,
                                       m.similarity, 0.0f, 0, -1});
        list.last.push_back(static_cast<std::uint32_t>(list.candidates.size()));
    }
    return list;
}

}  // namespace narratrace
