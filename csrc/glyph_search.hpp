// The place of a window that looks most like a pointer.
#pragma once

#include <vector>

#include "glyph.hpp"

namespace narratrace {

struct Match {
    int x = 0, y = 0;
    float similarity = 0;
};

/// How well a glyph fits its best hot spot in `window` on a patch whose differences are marked, which holds all of
/// glyph.around(window) that is on the screen: a coarse search, then a close one around the best places. The earliest in
/// row-major order among equals.
Match fit_glyph(const Patch& screen, const Glyph& glyph, const Rect& window, int tolerance);
/// The same where `screen` stands in front of `plate`.
Match fit_glyph(const PictureView& screen, const PictureView& plate, const Glyph& glyph, const Rect& window,
                int tolerance, int threshold);

/// The best `most` hot spots of a window by similarity, at least half the glyph's size apart, best first; places
/// that hardly resemble the glyph are left out.
std::vector<Match> find_places(const PictureView& screen, const Glyph& glyph, const Rect& window, int tolerance,
                               int most);

}  // namespace narratrace
