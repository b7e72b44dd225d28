// Pictures for tests: random, flat and drawn ones, and views with padded rows.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "../planes.hpp"
#include "../sparse_video.hpp"

namespace narratrace::tests {

using Random = std::mt19937;

inline int pick(Random& random, int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

/// Sizes that meet every edge case of tiles, chroma and vectors, then random ones.
inline std::vector<std::pair<int, int>> sizes(Random& random, int more) {
    std::vector<std::pair<int, int>> out{{1, 1}, {2, 1}, {1, 2}, {15, 17}, {16, 16}, {17, 15}, {32, 8},
                                         {33, 31}, {63, 65}, {64, 64}, {65, 33}, {127, 9}, {853 % 97, 479 % 61}};
    for (int i = 0; i < more; ++i) out.emplace_back(pick(random, 1, 150), pick(random, 1, 90));
    return out;
}

template <typename Fill>
void fill_plane(Plane& plane, Fill fill) {
    for (int y = 0; y < plane.height(); ++y)
        for (int x = 0; x < plane.width(); ++x) plane.row(y)[x] = static_cast<std::uint8_t>(fill(x, y));
}

inline Picture random_picture(Random& random, int width, int height) {
    Picture out(width, height);
    for (Plane* plane : {&out.y, &out.u, &out.v}) fill_plane(*plane, [&](int, int) { return pick(random, 0, 255); });
    return out;
}

inline Picture flat_picture(int width, int height, int y, int u = 128, int v = 128) {
    Picture out(width, height);
    fill_plane(out.y, [&](int, int) { return y; });
    fill_plane(out.u, [&](int, int) { return u; });
    fill_plane(out.v, [&](int, int) { return v; });
    return out;
}

/// A smooth ground with luma 60..180 and little colour, as photographs have.
inline Picture textured_picture(Random& random, int width, int height) {
    const int a = pick(random, 0, 40), b = pick(random, 0, 40);
    Picture out(width, height);
    fill_plane(out.y, [&](int x, int y) { return 60 + (3 * x + a) % 64 + (5 * y + b) % 56; });
    fill_plane(out.u, [&](int x, int) { return 118 + (x + a) % 20; });
    fill_plane(out.v, [&](int, int y) { return 118 + (y + b) % 20; });
    return out;
}

/// Sets the luma of a rectangle (clipped) and the chroma under it.
inline void draw_rect(Picture& picture, int x0, int y0, int x1, int y1, int y, int u = 128, int v = 128) {
    for (int py = std::max(0, y0); py < std::min(y1, picture.height()); ++py) {
        for (int px = std::max(0, x0); px < std::min(x1, picture.width()); ++px) {
            picture.y.row(py)[px] = static_cast<std::uint8_t>(y);
            picture.u.row(py / 2)[px / 2] = static_cast<std::uint8_t>(u);
            picture.v.row(py / 2)[px / 2] = static_cast<std::uint8_t>(v);
        }
    }
}

inline bool same_pixels(const PlaneView& a, const PlaneView& b) {
    if (a.width != b.width || a.height != b.height) return false;
    for (int y = 0; y < a.height; ++y)
        if (std::memcmp(a.row(y), b.row(y), static_cast<std::size_t>(a.width)) != 0) return false;
    return true;
}

inline bool same_pixels(const Picture& a, const Picture& b) {
    return same_pixels(a.y.view(), b.y.view()) && same_pixels(a.u.view(), b.u.view()) && same_pixels(a.v.view(), b.v.view());
}

/// A copy of a picture in exactly as much memory as its rows take with `pad` bytes between them: what reads
/// beyond the last row's end is caught by AddressSanitizer.
class TightPicture {
public:
    TightPicture(const Picture& picture, int pad)
        : y_(picture.y, pad), u_(picture.u, pad), v_(picture.v, pad) {}
    PictureView view() const { return {y_.view(), u_.view(), v_.view()}; }

private:
    struct Tight {
        Tight(const Plane& plane, int pad)
            : width(plane.width()), height(plane.height()), stride(plane.width() + pad),
              data(static_cast<std::size_t>(stride) * (height - 1) + static_cast<std::size_t>(width)) {
            for (int y = 0; y < height; ++y)
                std::memcpy(data.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(stride), plane.row(y),
                            static_cast<std::size_t>(width));
        }
        PlaneView view() const { return {data.data(), stride, width, height}; }
        int width, height, stride;
        std::vector<std::uint8_t> data;
    };
    Tight y_, u_, v_;
};

/// The screen at a segment's last frame.
inline Picture last_screen(const Segment& segment) { return compose(segment, static_cast<int>(segment.frames.size()) - 1, {}, {}); }

}  // namespace narratrace::tests
