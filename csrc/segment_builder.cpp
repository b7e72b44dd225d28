#include "segment_builder.hpp"

#include <stdexcept>
#include <utility>

namespace narratrace {

SegmentBuilder::SegmentBuilder(int width, int height) : grid_{width, height}, screen_(width, height) {
    if (width <= 0 || height <= 0) throw std::invalid_argument("picture size must be positive");
    segment_.grid = grid_;
}

void SegmentBuilder::show(const PictureView& screen) {
    if (screen.y.width != grid_.width || screen.y.height != grid_.height)
        throw std::invalid_argument("picture size differs from the builder's");
    screen_.assign(screen);
}

void SegmentBuilder::append(double t, const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    refresh(tiles, count, blocks);
    if (restart_) {
        segment_ = Segment{grid_, screen_, {}, {}, {}, {}};
        segment_.frames.push_back({t, 0, 0});
        restart_ = false;
        return;
    }
    const std::size_t begin = segment_.tiles.size();
    segment_.tiles.insert(segment_.tiles.end(), tiles, tiles + count);
    segment_.blocks.append(blocks, count);
    segment_.frames.push_back({t, begin, segment_.tiles.size()});
}

void SegmentBuilder::refresh(const std::int32_t* tiles, std::size_t count, const Block* blocks) {
    for (std::size_t i = 0; i < count; ++i)
        if (tiles[i] < 0 || tiles[i] >= grid_.count()) throw std::out_of_range("no such tile");
    for (std::size_t i = 0; i < count; ++i) store_block(blocks[i], grid_, tiles[i], screen_);
}

void SegmentBuilder::interrupt() {
    if (!restart_) segment_.last = screen_;
    restart_ = true;
}

std::shared_ptr<Segment> SegmentBuilder::take() {
    if (!restart_ || segment_.frames.empty()) segment_.last = screen_;
    auto done = std::make_shared<Segment>(std::move(segment_));
    segment_ = Segment{grid_, screen_, {}, {}, {}, {}};
    restart_ = true;
    return done;
}

}  // namespace narratrace
