// What each tile showed over time, and which of it is background.
//
// Note [Epochs]
// ~~~~~~~~~~~~~
// A tile that a pointer crosses shows the background, some versions with a piece of the pointer, then the
// background again. The background is the version that comes back: its range, from its first to its last
// appearance, encloses the ranges of everything that passed in front of it, however long something rested
// there. A change of content (a bullet appears) is different: one version's range ends, another's begins.
// So similar versions are grouped, and among their ranges the set of disjoint ones with the greatest total
// length is chosen; a fixed cost per epoch keeps passing things from becoming epochs of their own.
//
// Note [Stays]
// ~~~~~~~~~~~~
// A pop-up that opens and closes again is enclosed by the background's epoch, as a pointer that rested is.
// Only its extent tells the two apart, and that is seen over many tiles. So a tile's stays are kept beside
// its epochs: what it showed for some time, in order, with what was shown more briefly left out, whether it
// came back later or not.
#pragma once

#include <cstdint>
#include <vector>

#include "sparse_video.hpp"

namespace narratrace {

/// A tile showed one version, seen again and again from frame `first` up to before frame `last`.
struct Epoch {
    std::int32_t tile;
    std::int32_t first, last; ///< frames of the segment, half-open
    std::int32_t block;       ///< index of its latest pixels in Segment::blocks, -1 for Segment::base
    float seen;               ///< seconds it was really on the screen
};

struct EpochOptions {
    int threshold = 24;      ///< contrast above which a pixel of two versions differs
    int max_differing = 5;   ///< differing luma pixels up to which two versions are the same
    double cost_s = 0.6;     ///< price of an epoch in seconds of range
    int max_versions = 48;   ///< groups of similar versions kept per tile; those seen least give way to later ones
};

/// Changes of every tile of a segment, in time order.
class TileHistory {
public:
    explicit TileHistory(const Segment& segment);

    const TileGrid& grid() const { return segment_.grid; }

    /// Epochs of the tiles that change within frames [first, last), ordered by tile, then time. Tiles without
    /// a change have none: they show one version throughout.
    std::vector<Epoch> epochs(int first, int last, const EpochOptions& options) const;

    /// What tiles that change within frames [first, last) showed for at least `min_s` seconds without a break
    /// as long, ordered by tile, then time; neighbours differ. See Note [Stays]. Tiles whose `ignore` is
    /// nonzero are left out.
    std::vector<Epoch> stays(int first, int last, const EpochOptions& options, double min_s,
                             const std::uint8_t* ignore) const;

    /// Index in Segment::blocks of what `tile` shows at `frame`, -1 for the base.
    int block_at(int tile, int frame) const;

private:
    struct Change {
        std::int32_t frame, block;
    };
    struct Version;
    struct Run;
    double time(int frame) const;
    std::vector<Version> versions(int tile, int first, int last, const EpochOptions& options,
                                  std::vector<Run>* runs) const;
    static std::vector<Version>::iterator make_room(std::vector<Version>& found, const EpochOptions& options,
                                                    std::vector<Run>* runs);
    static std::vector<Version> schedule(std::vector<Version> versions, double cost);
    const Block* pixels(int tile, int block, Block& scratch) const;

    const Segment& segment_;
    std::vector<std::uint32_t> begin_; // per tile, into changes_; one more at the end
    std::vector<Change> changes_;
};

}  // namespace narratrace
