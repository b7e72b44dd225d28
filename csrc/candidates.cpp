#include "candidates.hpp"

#include <algorithm>
#include <future>

namespace narratrace {
namespace {

Candidate look(const PictureView& screen, const PictureView& plate, const Glyph& glyph, const Blob& blob,
               const CandidateOptions& o) {
    // Where the glyph's box and the blob's box touch the same edges; the blob may be larger than the glyph
    // (a merged neighbour) or smaller (parts that look like the background).
    const auto [xa, xb] = std::minmax({blob.x0 - glyph.x0, blob.x1 - glyph.x1});
    const auto [ya, yb] = std::minmax({blob.y0 - glyph.y0, blob.y1 - glyph.y1});
    const Match m = fit_glyph(screen, plate, glyph, {xa - o.margin, ya - o.margin, xb + o.margin + 1, yb + o.margin + 1},
                              o.tolerance, o.threshold);
    const Rect place = glyph.around({m.x, m.y, m.x + 1, m.y + 1});
    return {static_cast<float>(m.x) + 0.5f, static_cast<float>(m.y) + 0.5f, m.similarity,
            glyph.similarity(Patch(screen, place), m.x, m.y, o.tolerance),
            glyph.similarity(Patch(plate, place), m.x, m.y, o.tolerance), 0, 0};
}

// Whether a blob has half the extent of a glyph, or more.
bool as_large(const Blob& blob, const Glyph& glyph) {
    return 2 * std::min(blob.x1 - blob.x0, blob.y1 - blob.y0) >= std::min(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0);
}

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
                if (glyphs[g].probes().empty() && !as_large(blob, glyphs[g])) continue; // only its outline would tell
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

CandidateList find_on_screen(const Segment& segment, const std::vector<std::int32_t>& frames, const Glyph& glyph,
                             const Rect& window, int tolerance, int most) {
    CandidateList list;
    Replay replay(segment);
    const Rect sight = glyph.around(window);
    const auto in_sight = [&](int tile) {
        const int x = segment.grid.x0(tile), y = segment.grid.y0(tile);
        return x < sight.x1 && x + kTile > sight.x0 && y < sight.y1 && y + kTile > sight.y0;
    };
    bool changed = true;
    for (const std::int32_t frame : frames) {
        while (replay.frame() < frame && replay.step())
            changed = changed || std::any_of(replay.changed_begin(), replay.changed_end(), in_sight);
        if (changed) {
            list.first.push_back(static_cast<std::uint32_t>(list.candidates.size()));
            for (const Match& m : find_places(replay.screen().view(), glyph, window, tolerance, most))
                list.candidates.push_back({static_cast<float>(m.x) + 0.5f, static_cast<float>(m.y) + 0.5f, m.similarity,
                                           m.similarity, 0.0f, 0, -1});
            list.last.push_back(static_cast<std::uint32_t>(list.candidates.size()));
        } else { // it looks as it did
            list.first.push_back(list.first.back());
            list.last.push_back(list.last.back());
        }
        changed = false;
    }
    return list;
}

}  // namespace narratrace
