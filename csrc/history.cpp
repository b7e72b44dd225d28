#include "history.hpp"

#include <algorithm>
#include <cstdlib>

#include "byte_rows.hpp"

namespace narratrace {

// Versions of a tile that look the same, and when they were on the screen.
struct TileHistory::Version {
    std::int32_t model; // block that later ones are compared with; fixed, so that a slow fade cannot creep
    std::int32_t block; // latest, hence cleanest, pixels
    std::int32_t first, last;
    double range, seen;
};

// A version on the screen without a break.
struct TileHistory::Run {
    std::size_t version;
    std::int32_t first, last;
};

namespace {

bool same(const Block& a, const Block& b, const TileGrid& grid, int tile, const EpochOptions& options) {
    const int w = grid.x1(tile) - grid.x0(tile), h = grid.y1(tile) - grid.y0(tile);
    int differing = 0;
    for (int y = 0; y < h; ++y) {
        // Whole rows, which vectorise; what lies beyond the picture's edge is not counted.
        const int i = y * kTile, c = y / 2 * kChromaTile;
        Byte contrast[kTile], differs[kTile];
        chroma_contrast(a.u + c, b.u + c, a.v + c, b.v + c, kChromaTile, contrast);
        raise_to_distance(a.y + i, b.y + i, kTile, contrast);
        exceeds(contrast, kTile, options.threshold, differs);
        for (int x = 0; x < kTile; ++x) differing += x < w ? differs[x] : 0;
        if (differing > options.max_differing) return false;
    }
    return true;
}

}  // namespace

// Disjoint versions with the greatest total of range - cost (weighted interval scheduling). Ties go to what
// was seen longer: a microsecond of range per second seen decides nothing else.
std::vector<TileHistory::Version> TileHistory::schedule(std::vector<Version> versions, double cost) {
    std::sort(versions.begin(), versions.end(), [](const Version& a, const Version& b) { return a.last < b.last; });
    const std::size_t n = versions.size();
    std::vector<double> best(n + 1, 0.0);
    std::vector<std::size_t> before(n);
    std::vector<bool> taken(n);
    for (std::size_t i = 0; i < n; ++i) {
        const auto fits = std::upper_bound(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(i),
                                           versions[i].first,
                                           [](int first, const Version& v) { return first < v.last; });
        before[i] = static_cast<std::size_t>(fits - versions.begin());
        const double with = best[before[i]] + versions[i].range + 1e-6 * versions[i].seen - cost;
        taken[i] = with > best[i];
        best[i + 1] = std::max(best[i], with);
    }
    std::vector<Version> chosen;
    for (std::size_t i = n; i > 0;) {
        if (taken[i - 1]) {
            chosen.push_back(versions[i - 1]);
            i = before[i - 1];
        } else {
            --i;
        }
    }
    std::reverse(chosen.begin(), chosen.end());
    return chosen;
}

TileHistory::TileHistory(const Segment& segment) : segment_(segment) {
    const auto tiles = static_cast<std::size_t>(segment.grid.count());
    begin_.assign(tiles + 1, 0);
    for (const std::int32_t tile : segment.tiles) ++begin_[static_cast<std::size_t>(tile) + 1];
    for (std::size_t i = 0; i < tiles; ++i) begin_[i + 1] += begin_[i];
    changes_.resize(segment.tiles.size());
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (std::size_t f = 0; f < segment.frames.size(); ++f)
        for (std::size_t i = segment.frames[f].begin; i < segment.frames[f].end; ++i)
            changes_[next[static_cast<std::size_t>(segment.tiles[i])]++] = {static_cast<std::int32_t>(f),
                                                                            static_cast<std::int32_t>(i)};
}

const Block* TileHistory::pixels(int tile, int block, Block& scratch) const {
    if (block >= 0) return &segment_.blocks[static_cast<std::size_t>(block)];
    load_block(segment_.base.view(), segment_.grid, tile, scratch);
    return &scratch;
}

int TileHistory::block_at(int tile, int frame) const {
    const auto begin = changes_.begin() + begin_[static_cast<std::size_t>(tile)];
    const auto end = changes_.begin() + begin_[static_cast<std::size_t>(tile) + 1];
    const auto after = std::upper_bound(begin, end, frame, [](int f, const Change& c) { return f < c.frame; });
    return after == begin ? -1 : (after - 1)->block;
}

double TileHistory::time(int frame) const {
    return segment_.frames[std::min(static_cast<std::size_t>(frame), segment_.frames.size() - 1)].t;
}

// A place for another version: that of the one seen least, whose runs go, where there are too many.
std::vector<TileHistory::Version>::iterator TileHistory::make_room(std::vector<Version>& found, const EpochOptions& options,
                                                                   std::vector<Run>* runs) {
    if (found.size() < static_cast<std::size_t>(options.max_versions)) return found.insert(found.end(), Version{});
    const auto least = std::min_element(found.begin(), found.end(),
                                        [](const Version& a, const Version& b) { return a.seen < b.seen; });
    const auto index = static_cast<std::size_t>(least - found.begin());
    if (runs) std::erase_if(*runs, [&](const Run& run) { return run.version == index; });
    return least;
}

// None for a tile without a change. `runs`, if wanted, are those of the versions returned, in order of time.
std::vector<TileHistory::Version> TileHistory::versions(int tile, int first, int last, const EpochOptions& options,
                                                        std::vector<Run>* runs) const {
    const auto begin = changes_.begin() + begin_[static_cast<std::size_t>(tile)];
    const auto end = changes_.begin() + begin_[static_cast<std::size_t>(tile) + 1];
    auto change = std::upper_bound(begin, end, first, [](int f, const Change& c) { return f < c.frame; });
    std::vector<Version> found;
    if (change == end || change->frame >= last) return found;
    Block scratch_a, scratch_b;
    int shown = block_at(tile, first), since = first;
    while (since < last) {
        const int until = change == end ? last : std::min(change->frame, last);
        const Block* now = pixels(tile, shown, scratch_a);
        auto match = std::find_if(found.begin(), found.end(), [&](const Version& v) {
            return same(*now, *pixels(tile, v.model, scratch_b), segment_.grid, tile, options);
        });
        if (match == found.end()) {
            match = make_room(found, options, runs);
            *match = {shown, shown, since, until, 0, 0};
        }
        match->block = shown;
        match->last = until;
        match->seen += time(until) - time(since);
        match->range = time(until) - time(match->first);
        if (runs) runs->push_back({static_cast<std::size_t>(match - found.begin()), since, until});
        since = until;
        if (change != end) shown = (change++)->block;
    }
    return found;
}

std::vector<Epoch> TileHistory::epochs(int first, int last, const EpochOptions& options) const {
    std::vector<Epoch> out;
    for (int tile = 0; tile < segment_.grid.count(); ++tile)
        for (const Version& v : schedule(versions(tile, first, last, options, nullptr), options.cost_s))
            out.push_back({tile, v.first, v.last, v.block, static_cast<float>(v.seen)});
    return out;
}

std::vector<Epoch> TileHistory::stays(int first, int last, const EpochOptions& options, double min_s,
                                      const std::uint8_t* ignore) const {
    std::vector<Epoch> out;
    std::vector<Run> runs, joined;
    for (int tile = 0; tile < segment_.grid.count(); ++tile) {
        if (ignore[tile]) continue;
        runs.clear(), joined.clear();
        const std::vector<Version> found = versions(tile, first, last, options, &runs);
        // What passes in front for less than min_s is no break.
        std::vector<std::size_t> latest(found.size(), runs.size());
        for (const Run& run : runs) {
            std::size_t& index = latest[run.version];
            if (index < joined.size() && time(run.first) - time(joined[index].last) < min_s) {
                joined[index].last = run.last;
            } else {
                index = joined.size();
                joined.push_back(run);
            }
        }
        const std::size_t begin = out.size();
        for (const Run& stay : joined) {
            const auto length = static_cast<float>(time(stay.last) - time(stay.first));
            if (length < min_s) continue;
            const Epoch next{tile, stay.first, stay.last, found[stay.version].block, length};
            const auto follows = [&] { return out.size() > begin && out.back().block != next.block; };
            if (follows() && next.first < out.back().last) { // two that take turns: the longer
                if (length <= out.back().seen) continue;
                out.pop_back();
            }
            if (out.size() == begin || follows()) {
                out.push_back(next);
            } else {
                out.back().last = next.last;
                out.back().seen += length;
            }
        }
    }
    return out;
}

}  // namespace narratrace
