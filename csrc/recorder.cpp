#include "recorder.hpp"

#include <algorithm>
#include <stdexcept>

namespace narratrace {

SparseRecorder::SparseRecorder(int width, int height, ChangeOptions options)
    : options_(options), builder_(width, height),
      judge_(grid().count(), options.max_stored, options.sudden, options.sudden_s) {
    const auto count = static_cast<std::size_t>(grid().count());
    counts_.resize(count);
    changed_at_.resize(count);
    fresh_.resize(count);
}

void SparseRecorder::find_changes(const PictureView& frame) {
    count_differences(frame, screen().view(), options_.thresholds, counts_.data());
    changed_.clear();
    for (int tile = 0; tile < grid().count(); ++tile)
        if (has_changed(counts_[static_cast<std::size_t>(tile)])) changed_.push_back(tile);
}

// A tile that is the same as in the frame before has not changed: either it was found to be like the screen, or the
// screen has become like it. So the others need not be looked at.
void SparseRecorder::find_changes(const PictureView& frame, const std::vector<std::int32_t>& among) {
    if (among.size() > static_cast<std::size_t>(grid().count()) / 4) return find_changes(frame); // it reads rows, and is faster
    changed_.clear();
    for (const std::int32_t tile : among)
        if (has_changed(count_tile(frame, screen().view(), grid(), tile, options_.thresholds))) changed_.push_back(tile);
}

const Block* SparseRecorder::load(const PictureView& frame, const std::vector<std::int32_t>& tiles) {
    blocks_.resize(tiles.size());
    for (std::size_t i = 0; i < tiles.size(); ++i) load_block(frame, grid(), tiles[i], blocks_[i]);
    return blocks_.data();
}

int SparseRecorder::push(double t, const PictureView& frame) {
    if (frame.y.width != grid().width || frame.y.height != grid().height)
        throw std::invalid_argument("frame size differs from the recorder's");
    if (started_) find_changes(frame);
    return record(t, frame);
}

int SparseRecorder::push(double t, const PackedPicture& packed) {
    if (packed.grid.width != grid().width || packed.grid.height != grid().height)
        throw std::invalid_argument("frame size differs from the recorder's");
    if (!latest_.width()) {
        if (packed.tiles.size() != static_cast<std::size_t>(grid().count()))
            throw std::invalid_argument("the first packed frame is not whole");
        latest_ = Picture(grid().width, grid().height);
    }
    unpack(packed, writable(latest_));
    if (started_) find_changes(latest_.view(), packed.tiles);
    return record(t, latest_.view());
}

int SparseRecorder::record(double t, const PictureView& frame) {
    if (!started_) last_refresh_ = t;
    started_ = true;
    const bool lapsed = !stored_;
    stored_ = judge_.keeps(t, static_cast<int>(changed_.size()));
    for (const std::int32_t tile : changed_) {
        changed_at_[static_cast<std::size_t>(tile)] = t;
        fresh_[static_cast<std::size_t>(tile)] = 0;
    }
    if (stored_ && lapsed) begin_anew(t, frame);
    const Block* blocks = load(frame, changed_);
    if (stored_) {
        builder_.append(t, changed_.data(), changed_.size(), blocks);
        refresh(t, frame);
    } else {
        builder_.interrupt(changed_.data(), changed_.size(), blocks);
    }
    return static_cast<int>(changed_.size());
}

// After the whole picture has changed, tiles whose old and new content differ by less than the threshold (a black
// slide after a nearly black one) must not keep the old one.
void SparseRecorder::begin_anew(double t, const PictureView& frame) {
    builder_.show(frame);
    std::fill(changed_at_.begin(), changed_at_.end(), t);
    std::fill(fresh_.begin(), fresh_.end(), std::uint8_t{0});
}

// Doing it only once keeps slow fades from creeping past unnoticed.
void SparseRecorder::refresh(double t, const PictureView& frame) {
    if (t - last_refresh_ < 0.25 * options_.refresh_s) return;
    last_refresh_ = t;
    due_.clear();
    for (int tile = 0; tile < grid().count(); ++tile) {
        const auto i = static_cast<std::size_t>(tile);
        if (fresh_[i] || t - changed_at_[i] < options_.refresh_s) continue;
        due_.push_back(tile);
        fresh_[i] = 1;
    }
    builder_.refresh(due_.data(), due_.size(), load(frame, due_));
}

}  // namespace narratrace
