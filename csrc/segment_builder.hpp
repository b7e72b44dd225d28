// Segments from changes that were found elsewhere: on a CUDA device, which sends only changed tiles.
#pragma once

#include <cstdint>
#include <memory>

#include "sparse_video.hpp"

namespace narratrace {

/// The host's half of a recorder: it is told what changed, keeps the screen and assembles segments exactly as
/// SparseRecorder does. Not thread-safe.
class SegmentBuilder {
public:
    SegmentBuilder(int width, int height);

    /// The whole screen anew: for the first frame, and after frames that were not kept.
    void show(const PictureView& screen);
    /// A kept frame: its changed tiles, ascending, and their new pixels. The first one after show(), take()
    /// or interrupt() opens a segment, with the screen as its base.
    void append(double t, const std::int32_t* tiles, std::size_t count, const Block* blocks);
    /// Tiles whose picture is taken again without a change (see ChangeOptions::refresh_s).
    void refresh(const std::int32_t* tiles, std::size_t count, const Block* blocks);
    /// A frame whose changes are not kept. The screen is out of date from here to the next show().
    void interrupt();

    const Picture& screen() const { return screen_; }
    /// The open segment's memory in bytes.
    std::size_t bytes() const { return segment_.bytes(); }
    /// Frames in the open segment.
    std::size_t frames() const { return segment_.frames.size(); }
    /// Ends the open segment and returns it (possibly without frames).
    std::shared_ptr<Segment> take();
    const TileGrid& grid() const { return grid_; }

private:
    TileGrid grid_;
    Picture screen_;
    Segment segment_;
    bool restart_ = true;
};

}  // namespace narratrace
