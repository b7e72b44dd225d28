// A window of a picture, laid out for comparing many small shifts of something with it.
#pragma once

#include <vector>

#include "byte_rows.hpp"
#include "planes.hpp"

namespace narratrace {

/// A rectangle of luma pixels, half-open.
struct Rect {
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;

    int width() const { return x1 - x0; }
    int height() const { return y1 - y0; }
    bool empty() const { return x1 <= x0 || y1 <= y0; }
    Rect within(int w, int h) const { return {std::max(x0, 0), std::max(y0, 0), std::min(x1, w), std::min(y1, h)}; }
};

/// The pixels of `rect`, chroma as large as luma. Rows are followed by enough bytes to read kLanes at a time.
class Patch {
public:
    static constexpr int kLanes = 32;

    /// The part of `rect` that is on the picture.
    Patch(const PictureView& picture, Rect rect);

    /// Remembers where the picture differs from `plate` by more than `threshold` (pixel_contrast()).
    void mark_differences(const PictureView& picture, const PictureView& plate, int threshold);

    const Rect& rect() const { return rect_; }
    /// Bytes from one row of each plane to the next.
    std::ptrdiff_t stride() const { return stride_; }
    const Byte* y(int x, int row) const { return at(y_, x, row); }
    const Byte* u(int x, int row) const { return at(u_, x, row); }
    const Byte* v(int x, int row) const { return at(v_, x, row); }
    /// 1 where it differs, 0 elsewhere; after mark_differences().
    const Byte* differs(int x, int row) const { return at(differs_, x, row); }

private:
    const Byte* at(const std::vector<Byte>& plane, int x, int row) const {
        return plane.data() + static_cast<std::ptrdiff_t>(row - rect_.y0) * stride_ + (x - left_);
    }

    Rect rect_;
    int left_;  // even: where the rows begin
    std::ptrdiff_t stride_;
    std::vector<Byte> y_, u_, v_, differs_;
};

}  // namespace narratrace
