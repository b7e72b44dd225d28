// The thin lines of a cross or an I-beam: where they stand out from what is on either side of them.
#pragma once

#include <array>
#include <vector>

#include "glyph_pixel.hpp"
#include "patch.hpp"

namespace narratrace {

/// Note [Thin lines]
/// ~~~~~~~~~~~~~~~~~
/// The colour of a line hardly wider than a pixel tells little. Half of it is what is behind, more where it lies
/// between two rows, and on a dark picture every place has the colour of a dark cross. What tells is that the line is
/// darker, lighter, or more of some colour, than both of its sides. So lines are cut across, and every cut is looked
/// at: where the sides are like the line it says nothing; elsewhere what is between them must stand out by half of
/// what the colours let expect, in the plane in which that is most. A translucent line, learned on paper, is as dark
/// as what is dark elsewhere, and darker yet where it lies on that: then it says that it is there. Wherever the cuts
/// that say something are few, so is what they say. What is written in letters is cut by dark lines everywhere, so on
/// a screen alone colours count as well.
class GlyphLines {
public:
    GlyphLines() = default;
    explicit GlyphLines(const std::vector<GlyphPixel>& pixels);

    /// Whether there are too few cuts to tell.
    bool empty() const { return cuts_.empty(); }

    /// Share of the cuts that stand out with the glyph at a hot spot of (x, y), 0..1; with `marked`, where the screen
    /// differs from the plate. 0 when less than a third of them is in the patch.
    float share(const Patch& screen, int x, int y, bool marked) const;

private:
    struct Cut {
        std::int16_t dx, dy, length; ///< from one side to the other, relative to the hot spot
        bool down;                   ///< whether it runs downwards, across a level line
        std::array<Byte, 3> low, high; ///< least and most of its pixels' Y, U and V
    };

    float stands_out(const Patch& screen, const Cut& cut, int x, int y, bool marked) const;

    std::vector<Cut> cuts_; ///< in no order, so that any first few tell of all
};

}  // namespace narratrace
