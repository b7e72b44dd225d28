#include "sparse_video.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace narratrace {

SparseRecorder::SparseRecorder(int width, int height, ChangeOptions options)
    : options_(options), grid_{width, height}, screen_(width, height),
      judge_(grid_.count(), options.max_stored, options.sudden, options.sudden_s) {
    if (width <= 0 || height <= 0) throw std::invalid_argument("picture size must be positive");
    const auto count = static_cast<std::size_t>(grid_.count());
    counts_.resize(count);
    changed_at_.resize(count);
    fresh_.resize(count);
}

void SparseRecorder::find_changes(const PictureView& frame) {
    count_differences(frame, screen_.view(), options_.thresholds, counts_.data());
    changed_.clear();
    for (int tile = 0; tile < grid_.count(); ++tile) {
        const TileCount& c = counts_[static_cast<std::size_t>(tile)];
        if (c.luma >= options_.min_luma || c.chroma >= options_.min_chroma) changed_.push_back(tile);
    }
}

// A tile just after a change is often a blurred first version which the encoder refines by steps below the
// threshold. Taking it again once, after it has been still, gives clean keyframes; doing it only once keeps
// slow fades from creeping past unnoticed.
void SparseRecorder::refresh(double t, const PictureView& frame) {
    if (t - last_refresh_ < 0.25 * options_.refresh_s) return;
    last_refresh_ = t;
    for (int tile = 0; tile < grid_.count(); ++tile) {
        const auto i = static_cast<std::size_t>(tile);
        if (fresh_[i] || t - changed_at_[i] < options_.refresh_s) continue;
        copy_tile(frame, grid_, tile, screen_);
        fresh_[i] = 1;
    }
}

int SparseRecorder::push(double t, const PictureView& frame) {
    if (frame.y.width != grid_.width || frame.y.height != grid_.height)
        throw std::invalid_argument("frame size differs from the recorder's");
    if (!started_) {
        screen_.assign(frame);
        std::fill(changed_at_.begin(), changed_at_.end(), t);
        last_refresh_ = t;
        changed_.clear();
        started_ = true;
    } else {
        find_changes(frame);
    }
    const bool lapsed = !stored_ && restart_;
    stored_ = judge_.keeps(t, static_cast<int>(changed_.size()));
    if (!stored_ && !restart_) segment_.last = screen_; // this frame is not of the segment
    for (const std::int32_t tile : changed_) {
        copy_tile(frame, grid_, tile, screen_);
        changed_at_[static_cast<std::size_t>(tile)] = t;
        fresh_[static_cast<std::size_t>(tile)] = 0;
    }
    if (!stored_) {
        restart_ = true;
        return static_cast<int>(changed_.size());
    }
    if (lapsed) begin_anew(t, frame);
    if (restart_) {
        segment_ = Segment{grid_, screen_, {}, {}, {}, {}};
        segment_.frames.push_back({t, 0, 0});
        restart_ = false;
    } else {
        const std::size_t begin = segment_.tiles.size();
        for (const std::int32_t tile : changed_) {
            segment_.tiles.push_back(tile);
            load_block(frame, grid_, tile, segment_.blocks.emplace_back());
        }
        segment_.frames.push_back({t, begin, segment_.tiles.size()});
    }
    refresh(t, frame);
    return static_cast<int>(changed_.size());
}

// After the whole picture has changed, tiles whose old and new content differ by less than the threshold (a black
// slide after a nearly black one) must not keep the old one.
void SparseRecorder::begin_anew(double t, const PictureView& frame) {
    screen_.assign(frame);
    std::fill(changed_at_.begin(), changed_at_.end(), t);
    std::fill(fresh_.begin(), fresh_.end(), std::uint8_t{0});
}

std::shared_ptr<Segment> SparseRecorder::take() {
    if (!restart_ || segment_.frames.empty()) segment_.last = screen_;
    auto done = std::make_shared<Segment>(std::move(segment_));
    segment_ = Segment{grid_, screen_, {}, {}, {}, {}};
    restart_ = true;
    return done;
}

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
                const std::vector<std::int32_t>& blocks, bool refined) {
    const TileGrid& grid = segment.grid;
    std::vector<std::int32_t> shown = shown_after(segment, segment.frames[static_cast<std::size_t>(frame)].end);
    const std::vector<std::int32_t> final_block = shown_after(segment, segment.tiles.size());
    for (std::size_t i = 0; i < tiles.size(); ++i) shown[static_cast<std::size_t>(tiles[i])] = blocks[i];
    Picture out = segment.base;
    for (int tile = 0; tile < grid.count(); ++tile) {
        const std::int32_t block = shown[static_cast<std::size_t>(tile)];
        if (refined && block == final_block[static_cast<std::size_t>(tile)]) copy_tile(segment.last.view(), grid, tile, out);
        else if (block >= 0) store_block(segment.blocks[static_cast<std::size_t>(block)], grid, tile, out);
    }
    return out;
}

}  // namespace narratrace
