// A recording kept as its changes.
//
// Note [Sparse video]
// ~~~~~~~~~~~~~~~~~~~
// Most pixels of a screen recording do not change from frame to frame, and H.264, VP9 and AV1 reproduce
// unchanged blocks exactly. So the engine compares every frame with a reference picture, tile by tile, and
// keeps only the tiles that differ (conditional replenishment): the reference then holds what is on the
// screen, to within the threshold, and the kept tiles hold the whole history. Everything after the one
// comparison (clean plate, pointer, content changes) costs as much as the change, not as the frame. On
// CUDA the comparison and the compaction run on the device, and only these tiles reach the host.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "block_store.hpp"
#include "change_judge.hpp"
#include "planes.hpp"
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

/// One frame of a segment: its time and the range of its changes in Segment::tiles.
struct FrameRecord {
    double t = 0;
    std::size_t begin = 0, end = 0;
};

/// A stretch of video: a picture at its start, and the changed tiles of each later frame.
struct Segment {
    TileGrid grid;
    Picture base;                    ///< the screen before the first record
    std::vector<FrameRecord> frames; ///< times increase; the first frame is the base, without changes
    std::vector<std::int32_t> tiles; ///< changed tiles, ascending within a frame
    BlockStore blocks;               ///< their new pixels
    Picture last;                    ///< the screen at its last frame, refreshed where it has long been still

    std::size_t bytes() const { return blocks.size() * sizeof(Block) + tiles.size() * sizeof(std::int32_t); }
};

/// Turns frames into segments. Not thread-safe.
class SparseRecorder {
public:
    SparseRecorder(int width, int height, ChangeOptions options);

    /// Compares a frame with the screen and records what changed. Returns the number of changed tiles; a
    /// frame with more than `max_stored` of all tiles (or a `sudden` one) updates the screen but closes the open
    /// segment (see stored()).
    int push(double t, const PictureView& frame);

    /// Whether the last pushed frame's changes were kept.
    bool stored() const { return stored_; }
    /// The screen as of the last frame.
    const Picture& screen() const { return screen_; }
    /// Changed tiles of the last frame, ascending.
    const std::vector<std::int32_t>& changed() const { return changed_; }
    /// The open segment's memory in bytes.
    std::size_t bytes() const { return segment_.bytes(); }
    /// Frames in the open segment.
    std::size_t frames() const { return segment_.frames.size(); }
    /// Ends the open segment and returns it (possibly without frames); the next one starts at the screen.
    std::shared_ptr<Segment> take();
    const TileGrid& grid() const { return grid_; }

private:
    void find_changes(const PictureView& frame);
    void refresh(double t, const PictureView& frame);
    void begin_anew(double t, const PictureView& frame);

    ChangeOptions options_;
    TileGrid grid_;
    Picture screen_;
    Segment segment_;
    std::vector<TileCount> counts_;
    std::vector<std::int32_t> changed_;
    std::vector<double> changed_at_;    // per tile: time of its last change
    std::vector<std::uint8_t> fresh_;   // per tile: refreshed since
    double last_refresh_ = 0;
    ChangeJudge judge_;
    bool started_ = false, stored_ = false, restart_ = true;
};

/// Plays a segment: the screen at each frame in turn.
class Replay {
public:
    /// The first step() arrives at frame `begin`.
    explicit Replay(const Segment& segment, int begin = 0);

    /// Moves to the next frame and applies its changes; false at the end.
    bool step();
    int frame() const { return frame_; }
    const Picture& screen() const { return screen_; }
    const std::int32_t* changed_begin() const { return segment_.tiles.data() + record().begin; }
    const std::int32_t* changed_end() const { return segment_.tiles.data() + record().end; }

private:
    const FrameRecord& record() const { return segment_.frames[static_cast<std::size_t>(frame_)]; }

    const Segment& segment_;
    Picture screen_;
    int frame_ = -1;
};

/// Puts `blocks` of the segment (-1: its base) in place of `tiles` of a picture of its size.
void overlay(const Segment& segment, const std::vector<std::int32_t>& tiles, const std::vector<std::int32_t>& blocks,
             const MutablePicture& out);

/// The screen at `frame` with `tiles` replaced by `blocks` of the segment (-1: its base). With `refined`, tiles that
/// show what they do at the segment's end are taken from Segment::last, which the encoder has had time to refine.
Picture compose(const Segment& segment, int frame, const std::vector<std::int32_t>& tiles,
                const std::vector<std::int32_t>& blocks, bool refined);

}  // namespace narratrace
