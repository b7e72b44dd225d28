#include "sparse_video.hpp"

#include <algorithm>

namespace narratrace {

namespace {

// What each tile shows after the first `changes` of a segment: indices of blocks, -1 for the base.
std::vector<std::int32_t> shown_after(const Segment& segment, std::size_t changes) {
    std::vector<std::int32_t> shown(static_cast<std::size_t>(segment.grid.count()), -1);
    for (std::size_t i = 0; i < changes; ++i) shown[static_cast<std::size_t>(segment.tiles[i])] = static_cast<std::int32_t>(i);
    return shown;
}

}  // namespace

Replay::Replay(const Segment& segment, int begin) : segment_(segment), screen_(segment.base) {
    frame_ = std::min(begin, static_cast<int>(segment.frames.size())) - 1;
    if (frame_ < 0) return;
    const std::vector<std::int32_t> shown = shown_after(segment, record().end);
    for (int tile = 0; tile < segment.grid.count(); ++tile)
        if (const std::int32_t block = shown[static_cast<std::size_t>(tile)]; block >= 0)
            store_block(segment.blocks[static_cast<std::size_t>(block)], segment.grid, tile, screen_);
}

bool Replay::step() {
    if (static_cast<std::size_t>(frame_ + 1) >= segment_.frames.size()) return false;
    ++frame_;
    const FrameRecord& now = record();
    for (std::size_t i = now.begin; i < now.end; ++i)
        store_block(segment_.blocks[i], segment_.grid, segment_.tiles[i], screen_);
    return true;
}

void overlay(const Segment& segment, const std::vector<std::int32_t>& tiles, const std::vector<std::int32_t>& blocks,
             const MutablePicture& out) {
    Block base;
    for (std::size_t i = 0; i < tiles.size(); ++i) {
        if (blocks[i] < 0) load_block(segment.base.view(), segment.grid, tiles[i], base);
        const Block& block = blocks[i] < 0 ? base : segment.blocks[static_cast<std::size_t>(blocks[i])];
        store_block(block, segment.grid, tiles[i], out);
    }
}

Picture compose(const Segment& segment, int frame, const std::vector<std::int32_t>& tiles,
                const std::vector<std::int32_t>& blocks) {
    const TileGrid& grid = segment.grid;
    std::vector<std::int32_t> shown = shown_after(segment, segment.frames[static_cast<std::size_t>(frame)].end);
    for (std::size_t i = 0; i < tiles.size(); ++i) shown[static_cast<std::size_t>(tiles[i])] = blocks[i];
    Picture out = segment.base;
    for (int tile = 0; tile < grid.count(); ++tile) {
        const std::int32_t block = shown[static_cast<std::size_t>(tile)];
        if (block >= 0) store_block(segment.blocks[static_cast<std::size_t>(block)], grid, tile, out);
    }
    return out;
}

}  // namespace narratrace
