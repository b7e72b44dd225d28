// The one comparison of every frame with the screen, on the CPU; see Note [Sparse video].
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "change_judge.hpp"
#include "packed.hpp"
#include "segment_builder.hpp"
#include "tile_diff.hpp"

namespace narratrace {

/// When a tile counts as changed.
struct ChangeOptions {
    DiffThresholds thresholds;
    int min_luma = 3;         ///< differing luma samples of a tile
    int min_chroma = 3;       ///< differing chroma samples of a tile
    double refresh_s = 2.0;   ///< after that long without a change, take the (cleaner) picture again
    double max_stored = 0.25; ///< share of the tiles above which a frame's changes are not kept
    double sudden = 0.08;     ///< see ChangeJudge
    double sudden_s = 0.5;    ///< likewise
};

/// Turns frames into segments. Not thread-safe.
class SparseRecorder {
public:
    SparseRecorder(int width, int height, ChangeOptions options);

    /// Compares a frame with the screen and records what changed. Returns the number of changed tiles; a
    /// frame with more than `max_stored` of all tiles (or a `sudden` one) updates the screen but closes the open
    /// segment (see stored()).
    int push(double t, const PictureView& frame);
    /// The same for a frame that is packed after the one pushed last; the first one is whole.
    int push(double t, const PackedPicture& packed);

    /// Whether the last pushed frame's changes were kept.
    bool stored() const { return stored_; }
    /// The screen as of the last frame.
    const Picture& screen() const { return builder_.screen(); }
    /// Changed tiles of the last frame, ascending.
    const std::vector<std::int32_t>& changed() const { return changed_; }
    /// The open segment's memory in bytes.
    std::size_t bytes() const { return builder_.bytes(); }
    /// Frames in the open segment.
    std::size_t frames() const { return builder_.frames(); }
    /// Ends the open segment and returns it (possibly without frames); the next one starts at the screen.
    std::shared_ptr<Segment> take() { return builder_.take(); }
    const TileGrid& grid() const { return builder_.grid(); }

private:
    void find_changes(const PictureView& frame);
    void find_changes(const PictureView& frame, const std::vector<std::int32_t>& among);
    bool has_changed(const TileCount& count) const {
        return count.luma >= options_.min_luma || count.chroma >= options_.min_chroma;
    }
    int record(double t, const PictureView& frame);
    void begin_anew(double t, const PictureView& frame);
    void refresh(double t, const PictureView& frame);
    const Block* load(const PictureView& frame, const std::vector<std::int32_t>& tiles);

    ChangeOptions options_;
    SegmentBuilder builder_;
    ChangeJudge judge_;
    Picture latest_; // the last frame, where frames come packed
    std::vector<TileCount> counts_;
    std::vector<std::int32_t> changed_, due_;
    std::vector<Block> blocks_;       // of the tiles handed over
    std::vector<double> changed_at_;  // per tile: time of its last change
    std::vector<std::uint8_t> fresh_; // per tile: refreshed since
    double last_refresh_ = 0;
    bool started_ = false, stored_ = false;
};

}  // namespace narratrace
