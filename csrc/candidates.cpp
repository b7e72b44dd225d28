#include "candidates.hpp"

#include <algorithm>
#include <future>

namespace narratrace {
namespace {

// Hot spots to look at: where the glyph's box and the blob's box touch the same edges, and around. The blob may be larger
// than the glyph (a merged neighbour) or smaller (parts that look like the background).
Rect window_of(const Glyph& glyph, const Blob& blob, int margin) {
    const auto [xa, xb] = std::minmax({blob.x0 - glyph.x0, blob.x1 - glyph.x1});
    const auto [ya, yb] = std::minmax({blob.y0 - glyph.y0, blob.y1 - glyph.y1});
    return {xa - margin, ya - margin, xb + margin + 1, yb + margin + 1};
}

// Whether a blob has half the extent of a glyph, or more.
bool as_large(const Blob& blob, const Glyph& glyph) {
    return 2 * std::min(blob.x1 - blob.x0, blob.y1 - blob.y0) >= std::min(glyph.x1 - glyph.x0, glyph.y1 - glyph.y0);
}

bool same_box(const Blob& a, const Blob& b) { return a.x0 == b.x0 && a.y0 == b.y0 && a.x1 == b.x1 && a.y1 == b.y1; }

bool touches(const TileGrid& grid, int tile, const Rect& r) {
    const int x = grid.x0(tile), y = grid.y0(tile);
    return x < r.x1 && x + kTile > r.x0 && y < r.y1 && y + kTile > r.y0;
}

// Whether a frame differs in nothing from the frame before.
bool repeats(const BlobList& blobs, std::size_t frame) {
    return frame > 0 && blobs.first[frame] == blobs.first[frame - 1] && blobs.last[frame] == blobs.last[frame - 1];
}

// Looks for glyphs at the blobs of frames in turn.
class Search {
public:
    Search(const Segment& segment, const Picture& plate, const BlobList& blobs, const std::vector<Glyph>& glyphs,
           const CandidateOptions& options, const FirstSearch& before)
        : segment_(segment), plate_(plate.view()), blobs_(blobs), glyphs_(glyphs), options_(options), done_(before) {}

    // Candidates of frames [from, to) of the blob list, which begins at frame `begin`; offsets count from the first.
    CandidateList between(int begin, std::size_t from, std::size_t to) {
        Replay replay(segment_, begin + static_cast<int>(from));
        for (std::size_t f = from; f < to && replay.step(); ++f) {
            changed_.insert(changed_.end(), replay.changed_begin(), replay.changed_end());
            if (f > from && repeats(blobs_, f)) {
                list_.first.push_back(list_.first.back());
                list_.last.push_back(list_.last.back());
                continue;
            }
            list_.first.push_back(static_cast<std::uint32_t>(list_.candidates.size()));
            const std::uint32_t first = blobs_.first[f];
            const std::uint32_t last = std::min(blobs_.last[f], first + static_cast<std::uint32_t>(options_.max_blobs));
            for (std::uint32_t b = first; b < last; ++b) look_at(b, replay.screen().view());
            list_.last.push_back(static_cast<std::uint32_t>(list_.candidates.size()));
            before_ = std::move(now_);
            now_.clear(), changed_.clear();
        }
        return std::move(list_);
    }

private:
    // A blob and its candidates.
    struct Seen {
        std::uint32_t blob;
        std::size_t first, last;
    };

    void look_at(std::uint32_t index, const PictureView& screen) {
        const Blob& blob = blobs_.blobs[index];
        if (blob.x1 - blob.x0 > options_.max_size || blob.y1 - blob.y0 > options_.max_size) return;
        const std::size_t first = list_.candidates.size();
        const Rect sight = sight_of(blob);
        if (const Seen* same = unchanged(blob, sight)) {
            for (std::size_t i = same->first; i < same->last; ++i) list_.candidates.push_back(list_.candidates[i]);
        } else if (!recall(index)) {
            seek(blob, sight, screen);
        }
        for (std::size_t i = first; i < list_.candidates.size(); ++i)
            list_.candidates[i].blob = static_cast<std::int32_t>(index);
        now_.push_back({index, first, list_.candidates.size()});
    }

    // All that any of the glyphs is compared with at a blob.
    Rect sight_of(const Blob& blob) const {
        Rect all{blob.x0, blob.y0, blob.x1, blob.y1};
        for (const Glyph& glyph : glyphs_) {
            const Rect r = glyph.around(window_of(glyph, blob, options_.margin));
            all = {std::min(all.x0, r.x0), std::min(all.y0, r.y0), std::max(all.x1, r.x1), std::max(all.y1, r.y1)};
        }
        return all;
    }

    // The same blob of the frame before, if nothing in sight of it has changed since.
    const Seen* unchanged(const Blob& blob, const Rect& sight) const {
        const auto same = std::find_if(before_.begin(), before_.end(),
                                       [&](const Seen& seen) { return same_box(blobs_.blobs[seen.blob], blob); });
        if (same == before_.end()) return nullptr;
        const auto in_sight = [&](int tile) { return touches(segment_.grid, tile, sight); };
        return std::any_of(changed_.begin(), changed_.end(), in_sight) ? nullptr : &*same;
    }

    // Whether no other glyph need be looked for: one fits well, and better than what was there before.
    bool settles(const Candidate& c) const { return c.fit >= options_.good_fit && c.similarity >= c.background; }

    // Takes over what the first glyphs were found to be worth; whether that settles it.
    bool recall(std::uint32_t index) {
        const auto before = [](const Candidate& c, std::int32_t blob) { return c.blob < blob; };
        const auto blob = static_cast<std::int32_t>(index);
        const auto begin = std::lower_bound(done_.candidates.begin(), done_.candidates.end(), blob, before);
        const auto end = std::lower_bound(begin, done_.candidates.end(), blob + 1, before);
        list_.candidates.insert(list_.candidates.end(), begin, end);
        return begin != end && settles(*(end - 1));
    }

    void seek(const Blob& blob, const Rect& sight, const PictureView& view) {
        Patch screen(view, sight);
        screen.mark_differences(view, plate_, options_.threshold);
        const Patch plate(plate_, sight);
        for (std::size_t g = done_.glyphs; g < glyphs_.size(); ++g) {
            const Glyph& glyph = glyphs_[g];
            if (glyph.probes().empty() && !as_large(blob, glyph)) continue; // only its outline would tell
            const Match m = fit_glyph(screen, glyph, window_of(glyph, blob, options_.margin), options_.tolerance);
            list_.candidates.push_back({static_cast<float>(m.x) + 0.5f, static_cast<float>(m.y) + 0.5f, m.similarity,
                                        glyph.similarity(screen, m.x, m.y, options_.tolerance),
                                        glyph.similarity(plate, m.x, m.y, options_.tolerance),
                                        static_cast<std::int32_t>(g), -1});
            if (settles(list_.candidates.back())) break;
        }
    }

    const Segment& segment_;
    const PictureView plate_;
    const BlobList& blobs_;
    const std::vector<Glyph>& glyphs_;
    const CandidateOptions& options_;
    const FirstSearch& done_;
    CandidateList list_;
    std::vector<Seen> before_, now_;
    std::vector<std::int32_t> changed_; // tiles, since the blobs of `before_`
};

}  // namespace

CandidateList find_candidates(const Segment& segment, int begin, const Picture& plate, const BlobList& blobs,
                              const std::vector<Glyph>& glyphs, CandidateOptions options, int threads,
                              const FirstSearch& before) {
    constexpr std::size_t kLeast = 32; // frames that are worth a thread
    const std::size_t frames = blobs.first.size();
    const std::size_t parts = std::clamp<std::size_t>(frames / kLeast, 1, static_cast<std::size_t>(std::max(1, threads)));
    // What repeats a frame goes with it: on its own screen, tiles that count as equal may look otherwise by now.
    const auto start = [&](std::size_t i) {
        std::size_t frame = frames * i / parts;
        while (frame < frames && repeats(blobs, frame)) ++frame;
        return frame;
    };
    const auto part = [&](std::size_t i) {
        return Search(segment, plate, blobs, glyphs, options, before).between(begin, start(i), start(i + 1));
    };
    std::vector<std::future<CandidateList>> others;
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
    Replay replay(segment, frames.empty() ? 0 : frames.front());
    const Rect sight = glyph.around(window);
    const auto in_sight = [&](int tile) { return touches(segment.grid, tile, sight); };
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
