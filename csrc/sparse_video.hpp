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
#include <vector>

#include "block_store.hpp"
#include "planes.hpp"

namespace narratrace {

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

    std::size_t bytes() const { return blocks.size() * sizeof(Block) + tiles.size() * sizeof(std::int32_t); }
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

/// The screen at `frame` with `tiles` replaced by `blocks` of the segment (-1: its base).
Picture compose(const Segment& segment, int frame, const std::vector<std::int32_t>& tiles,
                const std::vector<std::int32_t>& blocks);

}  // namespace narratrace
