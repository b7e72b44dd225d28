#include "segment_builder.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace narratrace {
namespace {

constexpr double kUnsure = 0.75; // seconds in which even slow fades leave the threshold behind

}  // namespace

SegmentBuilder::SegmentBuilder(int width, int height) : grid_{width, height}, screen_(width, height) {
    if (width <= 0 || height <= 0) throw std::invalid_argument("picture size must be positive");
    segment_.grid = grid_;
    latest_.assign(static_cast<std::size_t>(grid_.count()), -1);
}

void SegmentBuilder::show(const PictureView& screen) {
    if (screen.y.width != grid_.width || screen.y.height != grid_.height)
        throw std::invalid_argument("picture size differs from the builder's");
    screen_.assign(screen);
}

void SegmentBuilder::append(double t, const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    put(tiles, count, blocks);
    if (restart_) {
        open();
        segment_.frames.push_back({t, 0, 0});
        return;
    }
    while (!refreshes_.empty() && t - refreshes_.front().t >= kUnsure) refreshes_.pop_front();
    const std::size_t begin = segment_.tiles.size();
    for (std::size_t i = 0; i < count; ++i)
        latest_[static_cast<std::size_t>(tiles[i])] = static_cast<std::int32_t>(begin + i);
    segment_.tiles.insert(segment_.tiles.end(), tiles, tiles + count);
    segment_.blocks.append(blocks, count);
    segment_.frames.push_back({t, begin, segment_.tiles.size()});
}

void SegmentBuilder::open() {
    segment_ = Segment{grid_, screen_, {}, {}, {}};
    std::fill(latest_.begin(), latest_.end(), -1);
    refreshes_.clear();
    restart_ = false;
}

void SegmentBuilder::refresh(const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    require_tiles(tiles, count);
    if (restart_) throw std::logic_error("no frame to take tiles again with");
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t tile = tiles[i], block = latest_[static_cast<std::size_t>(tile)];
        Refresh& refresh = refreshes_.emplace_back(Refresh{segment_.frames.back().t, tile, block, {}});
        if (block < 0) load_block(segment_.base.view(), grid_, tile, refresh.before);
        else refresh.before = segment_.blocks[static_cast<std::size_t>(block)];
        replace(tile, block, blocks[i]);
        store_block(blocks[i], grid_, tile, screen_);
    }
}

void SegmentBuilder::replace(std::int32_t tile, std::int32_t block, const Block& pixels) {
    if (block < 0) store_block(pixels, grid_, tile, segment_.base);
    else segment_.blocks[static_cast<std::size_t>(block)] = pixels;
}

void SegmentBuilder::require_tiles(const std::int32_t* tiles, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i)
        if (tiles[i] < 0 || tiles[i] >= grid_.count()) throw std::out_of_range("no such tile");
}

void SegmentBuilder::put(const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    require_tiles(tiles, count);
    for (std::size_t i = 0; i < count; ++i) store_block(blocks[i], grid_, tiles[i], screen_);
}

void SegmentBuilder::interrupt(const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    put(tiles, count, blocks);
    // What has changed since was no beginning of this change.
    for (const Refresh& refresh : refreshes_)
        if (latest_[static_cast<std::size_t>(refresh.tile)] == refresh.block) replace(refresh.tile, refresh.block, refresh.before);
    refreshes_.clear();
    restart_ = true;
}

std::shared_ptr<Segment> SegmentBuilder::take() {
    auto done = std::make_shared<Segment>(std::move(segment_));
    segment_ = Segment{grid_, screen_, {}, {}, {}};
    refreshes_.clear();
    restart_ = true;
    return done;
}

}  // namespace narratrace
