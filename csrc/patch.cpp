#include "patch.hpp"

namespace narratrace {

Patch::Patch(const PictureView& picture, Rect rect)
    : rect_(rect.within(picture.y.width, picture.y.height)), left_(rect_.x0 & ~1), stride_(0) {
    if (rect_.empty()) {
        rect_ = {};
        return;
    }
    const int columns = rect_.x1 - left_, half = (columns + 1) / 2;
    stride_ = 2 * half + kLanes;
    const std::size_t size = static_cast<std::size_t>(stride_) * rect_.height();
    y_.resize(size), u_.resize(size), v_.resize(size);
    for (int row = rect_.y0; row < rect_.y1; ++row) {
        const std::ptrdiff_t begin = (row - rect_.y0) * stride_;
        std::copy_n(picture.y.row(row) + left_, columns, y_.data() + begin);
        double_up(picture.u.row(row / 2) + left_ / 2, half, u_.data() + begin);
        double_up(picture.v.row(row / 2) + left_ / 2, half, v_.data() + begin);
    }
}

NARRATRACE_VECTOR void Patch::mark_differences(const PictureView& picture, const PictureView& plate, int threshold) {
    differs_.assign(y_.size(), 0);
    if (rect_.empty()) return;
    const int columns = rect_.x1 - left_;
    std::vector<Byte> contrast(static_cast<std::size_t>(columns) + 1);
    for (int row = rect_.y0; row < rect_.y1; ++row) {
        contrast_row(picture, plate, left_, row, columns, contrast.data());
        exceeds(contrast.data(), columns, threshold, differs_.data() + (row - rect_.y0) * stride_);
    }
}

}  // namespace narratrace
