// Segments from changes, wherever they were found.
//
// Note [Refreshes]
// ~~~~~~~~~~~~~~~~
// A tile just after a change is often a blurred first version which the encoder refines by steps below the threshold. So
// its pixels are taken again once, after it has been still, in place of those kept: the clean picture is made of them.
// But a fade begins below the threshold, too: what was taken again right before a frame that is not kept shows a tint of
// what comes next, and goes back to what it was.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "sparse_video.hpp"

namespace narratrace {

/// Is told what changed, keeps the screen and assembles segments. Not thread-safe.
class SegmentBuilder {
public:
    SegmentBuilder(int width, int height);

    /// The whole screen anew: for the first frame, and after frames that were not kept.
    void show(const PictureView& screen);
    /// A kept frame: its changed tiles, ascending, and their new pixels. The first one after show(), take()
    /// or interrupt() opens a segment, with the screen as its base.
    void append(double t, const std::int32_t* tiles, std::size_t count, const Block* blocks);
    /// Tiles whose pixels are taken again with the latest frame, without a change: Note [Refreshes].
    void refresh(const std::int32_t* tiles, std::size_t count, const Block* blocks);
    /// A frame that is not kept, and those of its changed tiles that are known. The screen is out of date, where others
    /// have changed, from here to the next show().
    void interrupt(const std::int32_t* tiles = nullptr, std::size_t count = 0, const Block* blocks = nullptr);

    const Picture& screen() const { return screen_; }
    /// The open segment's memory in bytes.
    std::size_t bytes() const { return segment_.bytes(); }
    /// Frames in the open segment.
    std::size_t frames() const { return segment_.frames.size(); }
    /// Ends the open segment and returns it (possibly without frames).
    std::shared_ptr<Segment> take();
    const TileGrid& grid() const { return grid_; }

private:
    struct Refresh {
        double t;
        std::int32_t tile, block; ///< as in latest_
        Block before;
    };
    void require_tiles(const std::int32_t* tiles, std::size_t count) const;
    void put(const std::int32_t* tiles, std::size_t count, const Block* blocks);
    void open();
    void replace(std::int32_t tile, std::int32_t block, const Block& pixels);

    TileGrid grid_;
    Picture screen_;
    Segment segment_;
    std::vector<std::int32_t> latest_; // per tile: its latest block in the segment, -1 for the base
    std::deque<Refresh> refreshes_;    // those that may have to go back
    bool restart_ = true;
};

}  // namespace narratrace
